import COneDNN
import Glibc
import Testing

@testable import CPUBackend

@Suite struct ThreadPoolTests {
    /// Counts how often each block of each phase has run, and checks that no block runs before the
    /// phase before has ended.
    private final class Counting: Kernel {
        let counts: [Int]
        let seen: UnsafeMutablePointer<Int32>
        let early: UnsafeMutablePointer<Int32>

        init(_ counts: [Int]) {
            self.counts = counts
            seen = .allocate(capacity: 4_096)
            seen.initialize(repeating: 0, count: 4_096)
            early = .allocate(capacity: 1)
            early.initialize(to: 0)
        }

        deinit {
            seen.deallocate()
            early.deallocate()
        }

        override var phaseCount: Int { counts.count }
        override func blockCount(_ phase: Int) -> Int { counts[phase] }

        override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
            if phase > 0 {
                for earlier in 0..<counts[phase - 1] where tala_load_acquire(seen + (phase - 1) * 1_024 + earlier) == 0 {
                    early.pointee = 1
                }
            }
            _ = tala_fetch_add(seen + phase * 1_024 + block, 1)
        }
    }

    @Test(arguments: [1, 2, 3, 7]) func everyBlockOfEveryPhaseRunsOnceAndPhasesFollowEachOther(threadCount: Int) throws {
        let pool = try ThreadPool(threadCount: threadCount)
        let scratch = try AlignedMemory(byteCount: 4_096)
        for round in 0..<200 {
            let kernel = Counting([round % 5, 100, 0, 1 + round])
            #expect(pool.run(kernel, scratch: scratch.address, scratchStride: 0, shared: scratch.address) == 0)
            for (phase, count) in kernel.counts.enumerated() {
                for block in 0..<count { #expect(kernel.seen[phase * 1_024 + block] == 1) }
            }
            #expect(kernel.early.pointee == 0)
            // Long enough, now and then, for the threads to fall asleep.
            if round % 50 == 49 { usleep(2_000) }
        }
    }

    private final class Failing: Kernel {
        override func blockCount(_ phase: Int) -> Int { 10 }
        override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) { if block == 7 { workspace.failure.pointee = 5 } }
    }

    @Test func theStatusOfAFailedBlockIsReturnedOnce() throws {
        let pool = try ThreadPool(threadCount: 2)
        let scratch = try AlignedMemory(byteCount: 64)
        #expect(pool.run(Failing(), scratch: scratch.address, scratchStride: 0, shared: scratch.address) == 5)
        #expect(pool.run(Counting([3]), scratch: scratch.address, scratchStride: 0, shared: scratch.address) == 0)
    }

    @Test(arguments: [1, 2, 5]) func aKernelThatIsBrokenOffLeavesThePoolReadyForTheNext(threadCount: Int) throws {
        let pool = try ThreadPool(threadCount: threadCount)
        let scratch = try AlignedMemory(byteCount: 4_096)
        for round in 0..<200 {
            var questions = 0
            let kernel = Counting([900])
            let status = pool.run(
                kernel, scratch: scratch.address, scratchStride: 0, shared: scratch.address,
                unless: {
                    questions += 1
                    return questions > 1 + round % 4
                })
            // Other threads may have taken so many blocks that the caller was never asked.
            #expect(status == nil || status == 0 && threadCount > 1)
            #expect((0..<900).allSatisfy { kernel.seen[$0] <= 1 })
            let next = Counting([50, 60])
            #expect(pool.run(next, scratch: scratch.address, scratchStride: 0, shared: scratch.address) == 0)
            for (phase, count) in next.counts.enumerated() { for block in 0..<count { #expect(next.seen[phase * 1_024 + block] == 1) } }
        }
    }

    @Test func poolsEndWhileTheirThreadsSpinOrSleep() throws {
        for round in 0..<20 {
            _ = try ThreadPool(threadCount: 3)
            if round % 5 == 0 { usleep(3_000) }
        }
    }
}
