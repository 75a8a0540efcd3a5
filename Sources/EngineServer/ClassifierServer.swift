import EngineProtocol
import Glibc
import JSON
import Models
import Tokenization
package import Training

/// Serves one classifier on a Unix socket, as ``EngineServer`` serves a model: one thread, one
/// loop. It says of texts which classes they have, in the order in which it is asked.
package final class ClassifierServer {
    private let classifier: TextClassifier
    private let listener: Int32
    private var connections: [Connection] = []
    private let mustStop: () -> Bool

    private static let connectionLimit = 64
    /// Texts of one question at most.
    private static let textLimit = 64

    /// - Parameter listener: a listening socket.
    package init(_ classifier: TextClassifier, listener: Int32, mustStop: @escaping () -> Bool) {
        (self.classifier, self.listener, self.mustStop) = (classifier, listener, mustStop)
    }

    /// Works until told to stop.
    package func run() {
        while !mustStop() {
            var descriptors = [pollfd(fd: connections.count < Self.connectionLimit ? listener : -1, events: Int16(POLLIN), revents: 0)]
            for connection in connections {
                let events = POLLIN | (connection.wantsToWrite ? POLLOUT : 0)
                descriptors.append(pollfd(fd: connection.descriptor, events: Int16(events), revents: 0))
            }
            guard poll(&descriptors, nfds_t(descriptors.count), 500) > 0 else { continue }
            for (connection, descriptor) in zip(connections, descriptors.dropFirst()) where descriptor.revents != 0 {
                for message in connection.receive() { take(message, connection) }
            }
            if descriptors[0].revents & Int16(POLLIN) != 0 {
                let accepted = accept(listener, nil, nil)
                if accepted >= 0 { greet(Connection(accepted, number: 0)) }
            }
            for connection in connections { connection.flush() }
            connections.removeAll { $0.isClosed }
        }
    }

    private func greet(_ connection: Connection) {
        connections.append(connection)
        connection.send([
            "type": "ready", "labels": JSONNode(classifier.labels.names.map { JSONNode($0) }), "process": JSONNode(Int(getpid())),
        ])
    }

    private func take(_ bytes: [UInt8], _ connection: Connection) {
        guard let message = try? JSONParser().parse(bytes), let id = message["id"]?.integer else {
            connection.send([
                "type": "error", "id": .null, "code": "bad_message", "message": "a message is an object with an id", "param": .null,
            ])
            return
        }
        do throws(RequestFault) { connection.send(try answer(message, id)) } catch { connection.send(Replies.fault(error, id: id)) }
    }

    private func answer(_ message: JSONNode, _ id: Int) throws(RequestFault) -> JSONNode {
        switch message["type"]?.string {
        case "classify":
            let texts = (message["texts"]?.array ?? []).compactMap(\.string)
            guard !texts.isEmpty, texts.count == message["texts"]?.array?.count, texts.count <= Self.textLimit else {
                throw RequestFault("bad_message", "texts is no list of 1 to \(Self.textLimit) texts")
            }
            let tokens = texts.map { classifier.tokens(of: $0) }
            guard tokens.allSatisfy({ !$0.isEmpty }) else { throw RequestFault("invalid_value", "a text has no token") }
            let found: [TextClassifier.Answer]
            do { found = try classifier.classify(tokens) } catch {
                throw RequestFault("engine_failed", "the texts cannot be classified: \(error)")
            }
            return [
                "type": "result", "id": JSONNode(id), "labels": JSONNode(classifier.labels.names.map { JSONNode($0) }),
                "probabilities": JSONNode(found.map { JSONNode($0.probabilities.map { JSONNode($0) }) }),
            ]
        case "status":
            return ["type": "result", "id": JSONNode(id), "waiting": 0, "running": 0, "connections": JSONNode(connections.count)]
        default: throw RequestFault("bad_message", "the type is none that a classifier knows")
        }
    }
}
