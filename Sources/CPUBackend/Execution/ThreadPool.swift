import COneDNN
import Glibc

/// A fixed number of threads that run the blocks of kernels.
///
/// Between kernels the threads spin for some microseconds, so that the next one starts at once, and then sleep. The thread that calls takes part.
final class ThreadPool {
    let threadCount: Int
    private let state: State
    private var threads: [pthread_t] = []

    /// What the threads share; outlives the pool until the last thread has left.
    private final class State {
        /// Words on cache lines of their own.
        let words = UnsafeMutablePointer<Int32>.allocate(capacity: 16 * 5)
        var kernel: Kernel?
        var phase = 0
        var blockCount: Int32 = 0
        var scratch = UnsafeMutableRawPointer(bitPattern: 64)
        var scratchStride = 0
        var shared = UnsafeMutableRawPointer(bitPattern: 64)
        let failure = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
        let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

        var generation: UnsafeMutablePointer<Int32> { words }
        var nextBlock: UnsafeMutablePointer<Int32> { words + 16 }
        var finished: UnsafeMutablePointer<Int32> { words + 32 }
        var sleepers: UnsafeMutablePointer<Int32> { words + 48 }
        var isStopping: UnsafeMutablePointer<Int32> { words + 64 }

        init() {
            words.initialize(repeating: 0, count: 16 * 5)
            failure.initialize(to: 0)
            mutex.initialize(to: pthread_mutex_t())
            condition.initialize(to: pthread_cond_t())
            pthread_mutex_init(mutex, nil)
            pthread_cond_init(condition, nil)
        }

        deinit {
            pthread_mutex_destroy(mutex)
            pthread_cond_destroy(condition)
            mutex.deallocate()
            condition.deallocate()
            words.deallocate()
            failure.deallocate()
        }

        /// Takes blocks until none is left.
        func work(_ thread: Int) {
            guard let kernel, let scratch, let shared else { return }
            let workspace = Workspace(thread: thread, scratch: scratch + thread * scratchStride, shared: shared, failure: failure)
            let (phase, count) = (phase, blockCount)
            while true {
                let block = tala_fetch_add(nextBlock, 1)
                if block >= count { return }
                kernel.run(phase, Int(block), workspace)
            }
        }

        /// Waits for a generation after `seen`: awake at first, then asleep.
        func wait(after seen: Int32) {
            for _ in 0..<ThreadPool.spinCount {
                if tala_load_acquire(generation) != seen { return }
                tala_pause()
            }
            pthread_mutex_lock(mutex)
            _ = tala_fetch_add(sleepers, 1)
            while tala_load_ordered(generation) == seen { pthread_cond_wait(condition, mutex) }
            _ = tala_fetch_add(sleepers, -1)
            pthread_mutex_unlock(mutex)
        }

        func announce() {
            tala_store_ordered(generation, tala_load_acquire(generation) &+ 1)
            if tala_load_ordered(sleepers) > 0 {
                pthread_mutex_lock(mutex)
                pthread_cond_broadcast(condition)
                pthread_mutex_unlock(mutex)
            }
        }
    }

    /// About 100 microseconds.
    private static let spinCount = 4_000

    private final class Start {
        let state: State
        let thread: Int
        init(_ state: State, _ thread: Int) {
            self.state = state
            self.thread = thread
        }
    }

    /// - Parameter threadCount: at least 1, the calling thread included.
    init(threadCount: Int) throws(CPUError) {
        self.threadCount = max(1, threadCount)
        state = State()
        for thread in 1..<max(1, self.threadCount) {
            var handle = pthread_t()
            let start = Unmanaged.passRetained(Start(state, thread))
            let code = pthread_create(
                &handle, nil,
                { argument in
                    guard let argument else { return nil }
                    let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
                    ThreadPool.live(start.state, start.thread)
                    return nil
                }, start.toOpaque())
            guard code == 0 else {
                start.release()
                stop()
                throw .cannotStartThreads(code: code)
            }
            threads.append(handle)
        }
    }

    deinit { stop() }

    private func stop() {
        tala_store_ordered(state.isStopping, 1)
        state.announce()
        for thread in threads { pthread_join(thread, nil) }
        threads = []
    }

    private static func live(_ state: State, _ thread: Int) {
        tala_use_one_openmp_thread()
        var seen: Int32 = 0
        while true {
            state.wait(after: seen)
            seen &+= 1
            if tala_load_ordered(state.isStopping) != 0 { return }
            state.work(thread)
            _ = tala_fetch_add(state.finished, 1)
        }
    }

    /// Runs all phases of a kernel; returns when the last block is done.
    /// - Returns: 0, or the status that a block has left.
    func run(_ kernel: Kernel, scratch: UnsafeMutableRawPointer, scratchStride: Int, shared: UnsafeMutableRawPointer) -> Int32 {
        let state = state
        state.kernel = kernel
        state.scratch = scratch
        state.scratchStride = scratchStride
        state.shared = shared
        for phase in 0..<kernel.phaseCount {
            let count = kernel.blockCount(phase)
            if count == 0 { continue }
            if count == 1 || threadCount == 1 {
                let workspace = Workspace(thread: 0, scratch: scratch, shared: shared, failure: state.failure)
                for block in 0..<count { kernel.run(phase, block, workspace) }
                continue
            }
            state.phase = phase
            state.blockCount = Int32(clamping: count)
            tala_store_release(state.nextBlock, 0)
            tala_store_release(state.finished, 0)
            state.announce()
            state.work(0)
            var spins = 0
            while tala_load_acquire(state.finished) != Int32(threadCount - 1) {
                spins += 1
                // A thread may have lost its processor to another program; then waiting must not take one more.
                if spins < 2_000 { tala_pause() } else { sched_yield() }
            }
        }
        state.kernel = nil
        let status = state.failure.pointee
        state.failure.pointee = 0
        return status
    }
}
