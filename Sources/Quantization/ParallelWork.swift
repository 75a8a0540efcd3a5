import Glibc

/// Runs independent pieces of work on a few threads of the system, for the time before a device's
/// own threads exist.
package enum ParallelWork {
    private final class Share {
        let first: Int
        let count: Int
        let step: Int
        let body: @Sendable (Int) -> Void

        init(first: Int, count: Int, step: Int, body: @escaping @Sendable (Int) -> Void) {
            (self.first, self.count, self.step, self.body) = (first, count, step, body)
        }

        func run() { for piece in stride(from: first, to: count, by: step) { body(piece) } }
    }

    /// Runs `body` for each number below `count`, and returns when all have run.
    package static func run(count: Int, threadCount: Int, _ body: @escaping @Sendable (Int) -> Void) {
        let threads = max(1, min(threadCount, count))
        var started: [pthread_t] = []
        for index in 1..<max(1, threads) {
            let share = Unmanaged.passRetained(Share(first: index, count: count, step: threads, body: body))
            var thread = pthread_t()
            let status = pthread_create(
                &thread, nil,
                { context in
                    if let context { Unmanaged<Share>.fromOpaque(context).takeRetainedValue().run() }
                    return nil
                }, share.toOpaque())
            if status == 0 { started.append(thread) } else { share.takeRetainedValue().run() }
        }
        Share(first: 0, count: count, step: threads, body: body).run()
        for thread in started { pthread_join(thread, nil) }
    }

    /// The processors that this process may use.
    package static var processorCount: Int { max(1, min(64, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))) }
}
