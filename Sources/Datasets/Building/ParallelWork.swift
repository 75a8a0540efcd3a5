import Glibc

/// Does work on all cores.
///
/// Threads of our own, for their stacks: a template is code that nests, and a thread of the system's pool has half a megabyte.
enum ParallelWork {
    static let stackByteCount = 16 << 20

    static var coreCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

    private final class Job {
        let body: (Int) -> Void
        let count: Int
        private var next = 0
        private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

        init(count: Int, body: @escaping (Int) -> Void) {
            (self.count, self.body) = (count, body)
            mutex.initialize(to: pthread_mutex_t())
            pthread_mutex_init(mutex, nil)
        }

        deinit {
            pthread_mutex_destroy(mutex)
            mutex.deallocate()
        }

        func run() {
            while true {
                pthread_mutex_lock(mutex)
                let index = next
                next += 1
                pthread_mutex_unlock(mutex)
                guard index < count else { return }
                body(index)
            }
        }
    }

    /// Calls a function once for each index; returns when all are done. The results come in the order of the indices.
    static func map<Result>(_ count: Int, _ body: @escaping (Int) -> Result) -> [Result] {
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
        for thread in threads { pthread_join(thread, nil) }
        return (0..<count).compactMap { results[$0] }
    }
}
