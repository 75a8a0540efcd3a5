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
    var pending: [UInt64: (request: GenerationRequest, key: String)] = [:]
    /// Constraints of requests so far.
    var constraints: [String: AnswerConstraint] = [:]
    private let mustStop: () -> Bool

    private let reader: RequestReader
    private let large: LargeMessages
    private var nextConnection = 0

    private static let connectionLimit = 64

    /// - Parameter listener: a listening socket.
    package init(_ served: ServedModel, listener: Int32, mustStop: @escaping () -> Bool) {
        (self.served, self.listener, self.mustStop) = (served, listener, mustStop)
        reader = RequestReader(prompts: PromptReader(encoder: served.encoder, maker: served.maker))
        large = LargeMessages(reader, contextLength: served.engine.settings.contextLength, served.maker.bell)
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
        descriptors.append(pollfd(fd: served.maker.bell.descriptor, events: Int16(POLLIN), revents: 0))
        for connection in connections {
            let events = POLLIN | (connection.wantsToWrite ? POLLOUT : 0)
            descriptors.append(pollfd(fd: connection.descriptor, events: Int16(events), revents: 0))
        }
        let count = poll(&descriptors, nfds_t(descriptors.count), served.engine.isIdle ? 500 : 0)
        guard count > 0 else { return }
        if descriptors[1].revents != 0 {
            served.maker.bell.silence()
            submitPrepared()
            for read in large.take() { take(read) }
        }
        for (connection, descriptor) in zip(connections, descriptors.dropFirst(2)) where descriptor.revents != 0 {
            for message in connection.receive() { take(message, connection) }
        }
        if descriptors[0].revents & Int16(POLLIN) != 0 {
            let accepted = accept(listener, nil, nil)
            if accepted >= 0 {
                nextConnection += 1
                greet(Connection(accepted, number: nextConnection))
            }
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

    private static let noMessage: JSONNode = [
        "type": "error", "id": .null, "code": "bad_message", "message": "a message is an object with an id", "param": .null,
    ]

    private func take(_ bytes: [UInt8], _ connection: Connection) {
        if bytes.count >= LargeMessages.least {
            connection.unread += 1
            return large.ask(bytes, connection.number)
        }
        guard let message = try? JSONParser().parse(bytes), let id = message["id"]?.integer else { return connection.send(Self.noMessage) }
        do throws(RequestFault) {
            let draft = try reader.draft(message, contextLength: served.engine.settings.contextLength)
            try answer(draft, message, id, connection)
        } catch { connection.send(Replies.fault(error, id: id)) }
    }

    /// Goes on with a large message, unless it has been cancelled or its program has left.
    private func take(_ read: LargeMessages.Read) {
        guard let connection = connections.first(where: { $0.number == read.number }) else { return }
        connection.unread -= 1
        let isCancelled = connection.cancelled.contains(read.id)
        if connection.unread == 0 { connection.cancelled = [] }
        guard let message = read.message else { return connection.send(Self.noMessage) }
        if isCancelled { return }
        if let reply = read.reply { return connection.send(reply, id: read.id) }
        do throws(RequestFault) { try answer(try read.draft.get(), message, read.id, connection) } catch {
            connection.send(Replies.fault(error, id: read.id))
        }
    }

    private func place(_ adapter: String?) throws(RequestFault) -> Int? {
        guard let adapter else { return nil }
        guard let place = served.places[adapter] else { throw RequestFault("model_not_found", "no adapter \(adapter) is loaded") }
        return place
    }

    private func answer(_ draft: Draft, _ message: JSONNode, _ id: Int, _ connection: Connection) throws(RequestFault) {
        func newNumber() throws(RequestFault) -> UInt64 {
            guard connection.requests[id] == nil else { throw RequestFault("bad_message", "the id is another request's") }
            nextID += 1
            return nextID
        }
        switch draft.content {
        case .text(var request, let order):
            let number = try newNumber()
            request.id = number
            request.adapter = try place(draft.adapter)
            request.endIDs = served.ends(request.adapter)
            if let order, constraints[order.key] == nil {
                do throws(EngineError) { try served.engine.checkQueue(request.terms, pending.values.lazy.map(\.request.terms)) } catch {
                    throw RequestFault(error)
                }
                pending[number] = (request, order.key)
                served.maker.ask(order, number: number)
                owners[number] = (connection, id, 0)
            } else {
                try submit(request, order?.key, id: id, connection)
            }
            connection.requests[id] = number
        case .vector(var request):
            request.id = try newNumber()
            request.adapter = try place(draft.adapter)
            do throws(EngineError) { try served.engine.submit(request) } catch { throw RequestFault(error) }
            connection.requests[id] = request.id
            owners[request.id] = (connection, id, 0)
        case .answer(let members): connection.send(Replies.result(id: id, members))
        case .engine: try answer(message, id, connection)
        }
    }

    /// What concerns the engine itself.
    private func answer(_ message: JSONNode, _ id: Int, _ connection: Connection) throws(RequestFault) {
        switch message["type"]?.string {
        case "cancel":
            // What has not been read yet is not begun later.
            if connection.unread > 0, connection.requests[id] == nil { connection.cancelled.insert(id) }
            guard let number = connection.requests.removeValue(forKey: id) else { return }
            served.engine.cancel(number)
            (owners[number], pending[number]) = (nil, nil)
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
                "pages_used": JSONNode(pages.used), "pages": JSONNode(pages.all), "yielded": JSONNode(engine.yieldCount),
                "connections": JSONNode(connections.count),
            ])
        default: throw RequestFault("bad_message", "the type is none that an engine knows")
        }
    }

    private func deliver(_ event: EngineEvent) {
        let replies = Replies(tokenizer: served.engine.tokenizer)
        switch event {
        case .prompt(let number, let scored):
            guard let (connection, id, first) = owners[number] else { return }
            for message in replies.prompt(scored, id: id, first: first) { connection.send(message) }
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
        case .done(let number, let totals):
            guard let (connection, id, _) = owners.removeValue(forKey: number) else { return }
            connection.requests[id] = nil
            connection.send(Replies.done(id: id, totals))
        }
    }
}
