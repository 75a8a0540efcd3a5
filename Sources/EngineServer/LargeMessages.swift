import JSON
import Synchronization

/// Reads large messages beside the engine's loop, one after the other: a text of megabytes takes
/// its time to become JSON and tokens, and nobody else's answer waits for that.
actor LargeMessages {
    /// From which size on a message is read here.
    static let least = 16 << 10

    struct Read: Sendable {
        /// Of the connection.
        var number: Int
        /// Nil for what is no message.
        var message: JSONNode?
        var id = 0
        var draft: Result<Draft, RequestFault>
        /// The answer as it is written, where there is one already.
        var reply: [UInt8]?
    }
    private let reader: RequestReader
    private let contextLength: Int
    private let finished = Mutex<[Read]>([])
    private let bell: Bell

    init(_ reader: RequestReader, contextLength: Int, _ bell: Bell) {
        (self.reader, self.contextLength, self.bell) = (reader, contextLength, bell)
    }

    /// Has a message read; ``take()`` gives it.
    nonisolated func ask(_ bytes: [UInt8], _ number: Int) { Task.detached(priority: .utility) { await self.read(bytes, number) } }

    private func read(_ bytes: [UInt8], _ number: Int) {
        var read = Read(number: number, draft: .success(Draft(content: .engine)))
        if let message = try? JSONParser().parse(bytes), let id = message["id"]?.integer {
            (read.message, read.id) = (message, id)
            do throws(RequestFault) {
                let draft = try reader.draft(message, contextLength: contextLength)
                read.draft = .success(draft)
                if case .answer(let members) = draft.content { read.reply = JSONWriter().bytes(Replies.result(id: id, members)) }
            } catch { read.draft = .failure(error) }
        }
        finished.withLock { $0.append(read) }
        bell.ring()
    }

    /// What has been read since it was asked last.
    nonisolated func take() -> [Read] {
        finished.withLock { read in
            defer { read = [] }
            return read
        }
    }
}
