import Synchronization

/// Something that is made on a thread of its own while other work goes on.
package final class Beside<Value: Sendable>: Sendable {
    private let outcome: Outcome
    private let thread: Mutex<SystemThread?>

    /// What the thread leaves.
    private final class Outcome: Sendable {
        let result = Mutex<Result<Value, any Error>?>(nil)
    }

    /// Begins at once; where no thread can be had it is made here.
    package init(_ make: @escaping @Sendable () throws -> Value) {
        let outcome = Outcome()
        self.outcome = outcome
        let body: @Sendable () -> Void = { outcome.result.withLock { $0 = Result { try make() } } }
        let thread = try? SystemThread(body)
        self.thread = Mutex(thread)
        if thread == nil { body() }
    }

    /// What was made, or what it threw. Waits until it is there.
    package func value() throws -> Value {
        join()
        return try outcome.result.withLock { result in
            guard let result else { throw CancellationError() }
            return try result.get()
        }
    }

    private func join() {
        thread.withLock { thread in
            thread?.join()
            thread = nil
        }
    }

    /// No longer wanted: the thread ends first, since at the end of a process its libraries clean
    /// up beneath it.
    deinit { join() }
}
