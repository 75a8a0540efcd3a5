import Hummingbird

/// Looks whether the client is still there, from the moment in which its request has been read
/// until it has been answered.
final class Watch: Sendable {
    private let end: AsyncStream<Void>.Continuation
    private let task: Task<Void, Never>

    /// - Parameters:
    ///   - rest: what comes on the connection behind the request's body.
    ///   - onLeave: called if the client leaves; nothing more need be done for it.
    init(_ rest: RequestBody, onLeave: @escaping @Sendable () -> Void) {
        let (ended, end) = AsyncStream<Void>.makeStream()
        self.end = end
        task = Task {
            _ = try? await rest.consumeWithInboundCloseHandler { _ in
                for await _ in ended {}
            } onInboundClosed: {
                onLeave()
                end.finish()
            }
        }
    }

    /// Looks no longer; the connection is the server's again.
    func finish() async {
        end.finish()
        await task.value
    }
}
