import Glibc

/// A thread of the system that runs one function.
package struct SystemThread: Sendable {
    /// The system gives no thread.
    package struct Failure: Error, CustomStringConvertible {
        /// Of `pthread_create`.
        package let code: Int32
        package var description: String { "the system gives no thread: " + String(cString: strerror(code)) }
    }

    /// What the thread runs: its function in C knows of no type's parameters.
    private final class Body: Sendable {
        let run: @Sendable () -> Void

        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    private let handle: pthread_t

    /// Starts at once.
    /// - Parameter stackByteCount: of the thread's stack; nil: as the system has it.
    /// - Throws: ``Failure``; the function has not been called then.
    package init(stackByteCount: Int? = nil, _ run: @escaping @Sendable () -> Void) throws(Failure) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        if let stackByteCount { pthread_attr_setstacksize(&attributes, stackByteCount) }
        var handle = pthread_t()
        let body = Unmanaged.passRetained(Body(run))
        let code = pthread_create(
            &handle, &attributes,
            { context in
                if let context { Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run() }
                return nil
            }, body.toOpaque())
        guard code == 0 else {
            body.release()
            throw Failure(code: code)
        }
        self.handle = handle
    }

    /// Waits for its end; to be called once.
    package func join() { pthread_join(handle, nil) }
}
