import Glibc
import Synchronization

/// Something that is made on a thread of its own while other work goes on.
final class Beside<Value: Sendable>: Sendable {
    private let outcome: Outcome
    private let thread = Mutex<pthread_t?>(nil)

    /// What the thread leaves.
    private final class Outcome: Sendable {
        let result = Mutex<Result<Value, any Error>?>(nil)
    }

    /// Begins at once; where no thread can be had it is made here.
    init(_ make: @escaping @Sendable () throws -> Value) {
        let outcome = Outcome()
        self.outcome = outcome
        let body = Unmanaged.passRetained(BesideBody { outcome.result.withLock { $0 = Result { try make() } } })
        var made = pthread_t()
        let code = pthread_create(
            &made, nil,
            { context in
                if let context { Unmanaged<BesideBody>.fromOpaque(context).takeRetainedValue().run() }
                return nil
            }, body.toOpaque())
        if code == 0 {
            thread.withLock { $0 = made }
        } else {
            body.takeRetainedValue().run()
        }
    }

    /// What was made, or what it threw. Waits until it is there.
    func value() throws -> Value {
        join()
        return try outcome.result.withLock { result in
            guard let result else { throw CancellationError() }
            return try result.get()
        }
    }

    private func join() {
        thread.withLock { thread in
            if let own = thread { pthread_join(own, nil) }
            thread = nil
        }
    }

    /// No longer wanted: the thread ends first, since at the end of a process its libraries clean
    /// up beneath it.
    deinit { join() }
}

/// What a thread runs: its function may not know of any type's parameters.
private final class BesideBody: Sendable {
    let run: @Sendable () -> Void

    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}
