import JSON

/// The answers of an engine to all prompts of a request, some prompts at a time.
struct Answers: Sendable {
    struct Item: Sendable {
        var prompt: Int
        var message: JSONNode
    }
    private struct Open: Sendable {
        var ids: Set<Int> = []
        var isCancelled = false
    }
    /// Stands for a prompt's number where nothing is said of any.
    static let ping = -1
    /// What the engine says, in the order in which it comes.
    let merged: AsyncStream<Item>
    private let link: EngineLink
    private let open: Locked<Open>

    /// - Parameters:
    ///   - prompts: how many there are.
    ///   - atATime: how many are with the engine together.
    ///   - message: what the engine is asked, by the number of the prompt and that of the request.
    init(link: EngineLink, prompts: Int, atATime: Int, _ message: @escaping @Sendable (Int, Int) -> JSONNode) {
        let (merged, continuation) = AsyncStream<Item>.makeStream()
        let open = Locked(Open())
        (self.link, self.merged, self.open) = (link, merged, open)
        @Sendable func ask(_ prompt: Int) async {
            if open.get().isCancelled { return }
            let (id, answers) = link.ask { message(prompt, $0) }
            let isLate = open.change { open in
                open.ids.insert(id)
                return open.isCancelled
            }
            if isLate { link.cancel(id) }
            for await answer in answers { continuation.yield(Item(prompt: prompt, message: answer)) }
            open.change { $0.ids.subtract([id]) }
        }
        let task = Task {
            await withTaskGroup(of: Void.self) { group in
                for prompt in 0..<prompts {
                    if prompt >= atATime { _ = await group.next() }
                    group.addTask { await ask(prompt) }
                }
            }
            continuation.finish()
        }
        // Proxies close what is silent for long: a prompt may take its time.
        let pinging = Task {
            while (try? await Task.sleep(for: .seconds(15))) != nil { continuation.yield(Item(prompt: Self.ping, message: nil)) }
        }
        continuation.onTermination = { _ in
            task.cancel()
            pinging.cancel()
        }
    }

    /// Ends what is with the engine and asks nothing more.
    func cancel() {
        let ids = open.change { open in
            open.isCancelled = true
            defer { open.ids = [] }
            return open.ids
        }
        for id in ids { link.cancel(id) }
    }
}
