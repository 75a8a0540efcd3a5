import Glibc

/// Does work on all cores.
///
/// Threads of our own, for their stacks: a template is code that nests, and a thread of the
/// system's pool has half a megabyte.
enum ParallelWork {
    static let stackByteCount = 16 << 20

    static var coreCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    private final class Job {
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

    /// Calls a function once for each index; returns when all are done. The results come in the
    /// order of the indices.
    /// - Parameter meanwhile: called several times a second while the work goes on. What it throws
    ///   ends the work: what has begun is waited for, the rest is left out.
    static func map<Result>(_ count: Int, meanwhile: (() throws -> Void)? = nil, _ body: @escaping (Int) -> Result) throws -> [Result] {
        let results = UnsafeMutablePointer<Result?>.allocate(capacity: max(1, count))
        results.initialize(repeating: nil, count: count)
        defer {
            results.deinitialize(count: count)
            results.deallocate()
        }
        let job = Job(count: count) { results[$0] = body($0) }
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, stackByteCount)
        defer { pthread_attr_destroy(&attributes) }
        var threads: [pthread_t] = []
        for _ in 0..<min(count, coreCount) {
            var thread = pthread_t()
            let reference = Unmanaged.passRetained(job)
            let code = pthread_create(
                &thread, &attributes,
                { argument in
                    if let argument { Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().run() }
                    return nil
                }, reference.toOpaque())
            if code == 0 { threads.append(thread) } else { reference.release() }
        }
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
        for thread in threads { pthread_join(thread, nil) }
        if let failure { throw failure }
        return (0..<count).compactMap { results[$0] }
    }
}
