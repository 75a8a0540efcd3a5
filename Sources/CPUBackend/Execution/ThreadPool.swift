import Basics
import COneDNN
import Glibc
import Graph

/// A fixed number of threads that run the blocks of kernels.
///
/// Between kernels the threads spin for some microseconds, so that the next one starts at once, and
/// then sleep. The thread that calls takes part.
final class ThreadPool {
    let threadCount: Int
    private let state: State
    private var threads: [SystemThread] = []

    /// What the threads share; outlives the pool until the last thread has left.
    ///
    /// The ticket holds the number of the phase (upper half) and how many of its blocks have not
    /// been taken yet (lower half). Who takes one by exchange knows that the caller waits for it,
    /// so that what describes the phase does not change meanwhile; a thread that comes late finds
    /// nothing left and is not waited for.
    private final class State: @unchecked Sendable {
        let ticket = UnsafeMutablePointer<Int64>.allocate(capacity: 8)
        /// Words on cache lines of their own.
        let words = UnsafeMutablePointer<Int32>.allocate(capacity: 16 * 4)
        var kernel: Unmanaged<Kernel>?
        var phase = 0
        var blockCount = 0
        var scratch = UnsafeMutableRawPointer(bitPattern: 64)
        var scratchStride = 0
        var shared = UnsafeMutableRawPointer(bitPattern: 64)
        let failure = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
        let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

        var finished: UnsafeMutablePointer<Int32> { words }
        var sleepers: UnsafeMutablePointer<Int32> { words + 16 }
        var isStopping: UnsafeMutablePointer<Int32> { words + 32 }
        /// Which share of the blocks that are left a thread takes at a time; 0 where it takes one.
        var share: UnsafeMutablePointer<Int32> { words + 48 }

        init() {
            ticket.initialize(repeating: 0, count: 8)
            words.initialize(repeating: 0, count: 16 * 4)
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
            ticket.deallocate()
            words.deallocate()
            failure.deallocate()
        }

        private static func remaining(_ ticket: Int64) -> Int { Int(truncatingIfNeeded: ticket & 0x7fff_ffff) }

        /// Takes and runs a block, or some neighbours; gives their number, nil if there are none
        /// left.
        @inline(__always) func workOnce(_ thread: Int) -> Int? {
            let seen = tala_load_ordered_wide(ticket)
            let remaining = Self.remaining(seen)
            if remaining == 0 { return nil }
            let share = Int(tala_load_ordered(share))
            let count = share == 0 ? 1 : max(1, min(ThreadPool.mostNeighbours, remaining / share))
            guard tala_exchange_wide(ticket, seen, seen - Int64(count)) != 0 else { return 0 }
            if let kernel, let scratch, let shared {
                let workspace = Workspace(thread: thread, scratch: scratch + thread * scratchStride, shared: shared, failure: failure)
                let (phase, first) = (phase, blockCount - remaining)
                kernel._withUnsafeGuaranteedRef { kernel in
                    for block in first..<first + count { kernel.run(phase, block, workspace) }
                }
            }
            _ = tala_fetch_add(finished, Int32(count))
            return count
        }

        /// Takes away the blocks that have not been taken yet; gives their number.
        func withdraw() -> Int {
            while true {
                let seen = tala_load_ordered_wide(ticket)
                let remaining = Self.remaining(seen)
                if remaining == 0 || tala_exchange_wide(ticket, seen, seen - Int64(remaining)) != 0 { return remaining }
            }
        }

        /// Offers the blocks of a phase.
        func announce(_ count: Int) {
            tala_store_release(finished, 0)
            let next = (tala_load_ordered_wide(ticket) >> 32) &+ 1
            tala_store_ordered_wide(ticket, (next & 0x7fff_ffff) << 32 | Int64(count))
            wakeSleepers()
        }

        func wakeSleepers() {
            if tala_load_ordered(sleepers) > 0 {
                pthread_mutex_lock(mutex)
                pthread_cond_broadcast(condition)
                pthread_mutex_unlock(mutex)
            }
        }

        /// Sleeps until there may be something to do.
        func sleep() {
            pthread_mutex_lock(mutex)
            _ = tala_fetch_add(sleepers, 1)
            while Self.remaining(tala_load_ordered_wide(ticket)) == 0, tala_load_ordered(isStopping) == 0 {
                pthread_cond_wait(condition, mutex)
            }
            _ = tala_fetch_add(sleepers, -1)
            pthread_mutex_unlock(mutex)
        }
    }

    /// About 100 microseconds.
    private static let spinCount = 4_000

    /// - Parameter threadCount: at least 1, the calling thread included.
    init(threadCount: Int) throws(CPUError) {
        self.threadCount = max(1, threadCount)
        state = State()
        for thread in 1..<max(1, self.threadCount) {
            do throws(SystemThread.Failure) {
                threads.append(try SystemThread { [state] in Self.live(state, thread) })
            } catch {
                stop()
                throw .cannotStartThreads(code: error.code)
            }
        }
    }

    deinit { stop() }

    private func stop() {
        tala_store_ordered(state.isStopping, 1)
        state.wakeSleepers()
        for thread in threads { thread.join() }
        threads = []
    }

    private static func live(_ state: State, _ thread: Int) {
        tala_use_one_openmp_thread()
        var spins = 0
        while tala_load_ordered(state.isStopping) == 0 {
            if state.workOnce(thread) != nil {
                spins = 0
            } else if spins < spinCount {
                spins += 1
                tala_pause()
            } else {
                state.sleep()
                spins = 0
            }
        }
    }

    /// Neighbouring blocks that a thread takes at a time at most: the others do not wait long for
    /// the last.
    private static let mostNeighbours = 16

    /// Blocks that the calling thread does between two questions whether to break off; one is some
    /// tenths of a millisecond of work at most.
    private static let blocksBetweenQuestions = 16

    /// Runs all phases of a kernel; returns when the last block is done.
    /// - Parameter isCancelled: asked before the kernel, and now and then between its blocks: a
    ///   product of long rows can take seconds.
    /// - Returns: 0, or the status that a block has left; nil if it was broken off.
    func run(
        _ kernel: Kernel, scratch: UnsafeMutableRawPointer, scratchStride: Int, shared: UnsafeMutableRawPointer,
        unless isCancelled: () -> Bool = { false }
    ) -> Int32? {
        if isCancelled() { return nil }
        let state = state
        state.kernel = Unmanaged.passUnretained(kernel)
        state.scratch = scratch
        state.scratchStride = scratchStride
        state.shared = shared
        tala_store_ordered(state.share, kernel.takesNeighbours ? Int32(2 * threadCount) : 0)
        for phase in 0..<kernel.phaseCount {
            let count = kernel.blockCount(phase)
            if count == 0 { continue }
            if count == 1 || threadCount == 1 {
                let workspace = Workspace(thread: 0, scratch: scratch, shared: shared, failure: state.failure)
                for block in 0..<count {
                    if block % Self.blocksBetweenQuestions == Self.blocksBetweenQuestions - 1, isCancelled() { return abandon() }
                    kernel.run(phase, block, workspace)
                }
                continue
            }
            state.phase = phase
            state.blockCount = count
            // invariant: kernels cut their work into far fewer blocks than 2^31.
            state.announce(count)
            var (unasked, withdrawn) = (0, 0)
            while let done = state.workOnce(0) {
                unasked += done
                if unasked < Self.blocksBetweenQuestions { continue }
                unasked = 0
                if isCancelled() {
                    withdrawn = state.withdraw()
                    break
                }
            }
            var spins = 0
            while Int(tala_load_acquire(state.finished)) != count - withdrawn {
                spins += 1
                // A thread may have lost its processor to another program; then waiting must not
                // take one more.
                if spins < 2_000 { tala_pause() } else { sched_yield() }
            }
            if withdrawn > 0 { return abandon() }
        }
        state.kernel = nil
        let status = state.failure.pointee
        state.failure.pointee = 0
        return status
    }

    private func abandon() -> Int32? {
        state.kernel = nil
        state.failure.pointee = 0
        return nil
    }
}
