import Foundation

/// One thread that lives as long as the program and starts all engines.
///
/// An engine asks the kernel to end it when its parent ends, and to the kernel the parent is the
/// thread that started it (PR_SET_PDEATHSIG, prctl(2)). Threads of the concurrency pool come and go.
enum LaunchThread {
    private static let work = WorkList()

    /// Does something there, and gives what came of it.
    static func run<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in work.add { continuation.resume(returning: body()) } }
    }

    // invariant: the list is touched under the condition's lock alone.
    private final class WorkList: @unchecked Sendable {
        private let condition = NSCondition()
        private var waiting: [@Sendable () -> Void] = []

        init() {
            Thread.detachNewThread { [self] in
                while true { next()() }
            }
        }

        func add(_ body: @escaping @Sendable () -> Void) {
            condition.lock()
            waiting.append(body)
            condition.signal()
            condition.unlock()
        }

        private func next() -> @Sendable () -> Void {
            condition.lock()
            defer { condition.unlock() }
            while waiting.isEmpty { condition.wait() }
            return waiting.removeFirst()
        }
    }
}
