import Engine
import EngineProtocol
import Glibc
import JSON
import Models
import Tokenization

/// Serves one engine on a Unix socket: one thread, one loop that reads what has come, computes a
/// step and writes what came of it. A request is cancelled when its connection goes.
package final class EngineServer {
    var served: ServedModel
    private let listener: Int32
    private var connections: [Connection] = []
    private var nextID: UInt64 = 1
    /// By the engine's number: whose request it is, by which number there, and its first token.
    var owners: [UInt64: (connection: Connection, id: Int, first: Int32)] = [:]
    /// Requests whose constraints are being made.
    var pending: [UInt64: (message: JSONNode, key: String)] = [:]
    /// Constraints of requests so far.
    var constraints: [String: AnswerConstraint] = [:]
    private let mustStop: () -> Bool

    private static let connectionLimit = 64

    /// - Parameter listener: a listening socket.
    package init(_ served: ServedModel, listener: Int32, mustStop: @escaping () -> Bool) {
        (self.served, self.listener, self.mustStop) = (served, listener, mustStop)
    }

    /// Works until told to stop.
    /// - Throws: what the device throws: every program hears of it first.
    package func run() throws {
        while !mustStop() {
            wait()
            do {
                for event in try served.engine.stepEmbeddings() + served.engine.step() { deliver(event) }
            } catch {
                let fault = RequestFault("engine_failed", "the engine has failed: \(error)")
                for (connection, id, _) in owners.values { connection.send(Replies.fault(fault, id: id)) }
                for connection in connections { connection.flush() }
                throw error
            }
            for connection in connections { connection.flush() }
            drop()
        }
    }

    /// Waits for something to read, or until output goes on; not at all while there is work.
    private func wait() {
        var descriptors = [pollfd(fd: connections.count < Self.connectionLimit ? listener : -1, events: Int16(POLLIN), revents: 0)]
        descriptors.append(pollfd(fd: served.maker.descriptor, events: Int16(POLLIN), revents: 0))
        for connection in connections {
            let events = POLLIN | (connection.wantsToWrite ? POLLOUT : 0)
            descriptors.append(pollfd(fd: connection.descriptor, events: Int16(events), revents: 0))
        }
        let count = poll(&descriptors, nfds_t(descriptors.count), served.engine.isIdle ? 500 : 0)
        guard count > 0 else { return }
        if descriptors[1].revents != 0 { submitPrepared() }
        for (connection, descriptor) in zip(connections, descriptors.dropFirst(2)) where descriptor.revents != 0 {
            for message in connection.receive() { take(message, connection) }
        }
        if descriptors[0].revents & Int16(POLLIN) != 0 {
            let accepted = accept(listener, nil, nil)
            if accepted >= 0 { greet(Connection(accepted)) }
        }
    }

    private func greet(_ connection: Connection) {
        let engine = served.engine
        connections.append(connection)
        connection.send([
            "type": "ready", "context_length": JSONNode(engine.settings.contextLength), "slots": JSONNode(engine.settings.slots),
            "vocabulary_size": JSONNode(engine.model.configuration.vocabularySize),
            "adapters": JSONNode(served.places.keys.sorted().map { JSONNode($0) }), "process": JSONNode(Int(getpid())),
        ])
    }

    /// Lets go who has left, with all that was asked.
    private func drop() {
        for connection in connections where connection.isClosed {
            for id in connection.requests.values {
                served.engine.cancel(id)
                (owners[id], pending[id]) = (nil, nil)
            }
        }
        connections.removeAll { $0.isClosed }
    }

    // MARK: Messages

    private func take(_ bytes: [UInt8], _ connection: Connection) {
        guard let message = try? JSONParser().parse(bytes), let id = message["id"]?.integer else {
            connection.send([
                "type": "error", "id": .null, "code": "bad_message", "message": "a message is an object with an id", "param": .null,
            ])
            return
        }
        do throws(RequestFault) { try answer(message, id, connection) } catch { connection.send(Replies.fault(error, id: id)) }
    }

    private func answer(_ message: JSONNode, _ id: Int, _ connection: Connection) throws(RequestFault) {
        let reader = RequestReader(served: served)
        switch message["type"]?.string {
        case "generate":
            guard connection.requests[id] == nil else { throw RequestFault("bad_message", "the id is another request's") }
            let number = nextID
            nextID += 1
            if let order = try ConstraintOrder(message["answer"]), constraints[order.key] == nil {
                let limit = served.engine.settings.queueLimit
                guard pending.count < limit else { throw RequestFault(.queueFull(limit: limit)) }
                pending[number] = (message, order.key)
                served.maker.ask(order, number: number)
                owners[number] = (connection, id, 0)
            } else {
                try submit(message, number: number, id: id, connection)
            }
            connection.requests[id] = number
        case "embed":
            let number = nextID
            nextID += 1
            let request = try reader.embedding(message, id: number)
            do throws(EngineError) { try served.engine.submit(request) } catch { throw RequestFault(error) }
            connection.requests[id] = number
            owners[number] = (connection, id, 0)
        case "cancel":
            guard let number = connection.requests.removeValue(forKey: id) else { return }
            served.engine.cancel(number)
            (owners[number], pending[number]) = (nil, nil)
        case "tokenize", "detokenize", "render", "tokenizer":
            connection.send(JSONNode([JSONMember("type", "result"), JSONMember("id", JSONNode(id))] + (try tokens(message, reader))))
        case "load_adapter":
            guard let name = message["name"]?.string, let folder = message["folder"]?.string else {
                throw RequestFault("bad_message", "name or folder is missing")
            }
            do { try served.load(name, folder) } catch { throw RequestFault("adapter_failed", "\(error)") }
            connection.send(["type": "result", "id": JSONNode(id)])
        case "unload_adapter":
            do throws(EngineError) { try served.unload(message["name"]?.string ?? "") } catch { throw RequestFault(error) }
            connection.send(["type": "result", "id": JSONNode(id)])
        case "status":
            let (engine, pages) = (served.engine, served.engine.usedPages)
            connection.send([
                "type": "result", "id": JSONNode(id), "waiting": JSONNode(engine.waitingCount), "running": JSONNode(engine.runningCount),
                "pages_used": JSONNode(pages.used), "pages": JSONNode(pages.all), "connections": JSONNode(connections.count),
            ])
        default: throw RequestFault("bad_message", "the type is none that an engine knows")
        }
    }

    private func deliver(_ event: EngineEvent) {
        let replies = Replies(tokenizer: served.engine.tokenizer)
        switch event {
        case .prompt(let number, let scored):
            guard let (connection, id, first) = owners[number] else { return }
            connection.send(replies.prompt(scored, id: id, first: first))
        case .token(let answer):
            guard let (connection, id, _) = owners[answer.id] else { return }
            connection.send(replies.token(answer, id: id))
        case .finished(let number, let choice, let reason, let text):
            guard let (connection, id, _) = owners[number] else { return }
            connection.send(Replies.finished(id: id, choice: choice, reason: reason, text: text))
        case .embedding(let number, let vector, let promptTokens):
            guard let (connection, id, _) = owners.removeValue(forKey: number) else { return }
            connection.requests[id] = nil
            connection.send([
                "type": "result", "id": JSONNode(id), "embedding": JSONNode(vector.map { JSONNode(Double($0)) }),
                "prompt_tokens": JSONNode(promptTokens),
            ])
        case .done(let number, let prompt, let cached, let answer):
            guard let (connection, id, _) = owners.removeValue(forKey: number) else { return }
            connection.requests[id] = nil
            connection.send(Replies.done(id: id, prompt: prompt, cached: cached, answer: answer))
        }
    }
}
