import Glibc

/// Does independent pieces of work on threads of their own, where no device's threads are at hand.
package enum ParallelWork {
    /// The processors that this process may use.
    package static var processorCount: Int { max(1, min(64, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))) }

    /// Pieces that threads take one after the other; what changes is changed under the lock.
    private final class Job: @unchecked Sendable {
        let body: (Int) -> Void
        let count: Int
        private var next = 0
        private var unfinished: Int
        private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        private let finished = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

        init(count: Int, body: @escaping (Int) -> Void) {
            (self.count, self.body) = (count, body)
            unfinished = count
            mutex.initialize(to: pthread_mutex_t())
            pthread_mutex_init(mutex, nil)
            finished.initialize(to: pthread_cond_t())
            pthread_cond_init(finished, nil)
        }

        deinit {
            pthread_cond_destroy(finished)
            finished.deallocate()
            pthread_mutex_destroy(mutex)
            mutex.deallocate()
        }

        /// Leaves out what was not begun yet.
        func stop() {
            pthread_mutex_lock(mutex)
            unfinished -= max(0, count - next)
            next = max(next, count)
            pthread_mutex_unlock(mutex)
        }

        /// Waits until all is done, or for a while.
        /// - Returns: whether all is done.
        func wait(milliseconds: Int) -> Bool {
            var limit = timespec()
            clock_gettime(CLOCK_REALTIME, &limit)
            let nanoseconds = limit.tv_nsec + milliseconds % 1000 * 1_000_000
            limit.tv_sec += milliseconds / 1000 + nanoseconds / 1_000_000_000
            limit.tv_nsec = nanoseconds % 1_000_000_000
            pthread_mutex_lock(mutex)
            defer { pthread_mutex_unlock(mutex) }
            if unfinished > 0 { pthread_cond_timedwait(finished, mutex, &limit) }
            return unfinished <= 0
        }

        func run() {
            while true {
                pthread_mutex_lock(mutex)
                let index = next
                next += 1
                pthread_mutex_unlock(mutex)
                guard index < count else { return }
                body(index)
                pthread_mutex_lock(mutex)
                unfinished -= 1
                if unfinished <= 0 { pthread_cond_signal(finished) }
                pthread_mutex_unlock(mutex)
            }
        }
    }

    /// Calls a function once for each number below `count`, and returns when all are done. The
    /// caller takes part.
    package static func run(count: Int, threadCount: Int = processorCount, _ body: @escaping @Sendable (Int) -> Void) {
        let job = Job(count: count, body: body)
        let threads = start(max(0, min(threadCount, count) - 1), nil, job)
        job.run()
        for thread in threads { thread.join() }
    }

    /// Calls a function once for each number below `count`; returns when all are done. The results
    /// come in the order of the numbers.
    /// - Parameters:
    ///   - stackByteCount: of each thread; nil: as the system has it.
    ///   - meanwhile: called several times a second while the work goes on. What it throws ends the
    ///     work: what has begun is waited for, the rest is left out.
    package static func map<Result>(
        _ count: Int, stackByteCount: Int? = nil, meanwhile: (() throws -> Void)? = nil, _ body: @escaping (Int) -> Result
    ) throws -> [Result] {
        let results = UnsafeMutablePointer<Result?>.allocate(capacity: max(1, count))
        results.initialize(repeating: nil, count: count)
        defer {
            results.deinitialize(count: count)
            results.deallocate()
        }
        let job = Job(count: count) { results[$0] = body($0) }
        let threads = start(min(processorCount, count), stackByteCount, job)
        // Where no thread can be had this one does the work.
        if threads.isEmpty { job.run() }
        var failure: (any Error)?
        if let meanwhile {
            while failure == nil, !job.wait(milliseconds: 200) {
                do { try meanwhile() } catch {
                    failure = error
                    job.stop()
                }
            }
        }
        for thread in threads { thread.join() }
        if let failure { throw failure }
        return (0..<count).compactMap { results[$0] }
    }

    /// Threads that work on the job; fewer where the system gives no more.
    private static func start(_ count: Int, _ stackByteCount: Int?, _ job: Job) -> [SystemThread] {
        (0..<count).compactMap { _ in try? SystemThread(stackByteCount: stackByteCount) { job.run() } }
    }
}
