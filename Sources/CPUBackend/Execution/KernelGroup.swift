import Graph

/// Kernels that touch nothing of each other, run as one: threads that find no more blocks of one go
/// on with the next, instead of waiting for each other. The last phases of all fall together.
final class KernelGroup: Kernel {
    private let members: [Kernel]
    /// Where the memory that a member's threads share begins.
    private let sharedOffsets: [Int]
    private let sharedBytes: Int
    /// By phase: blocks of the members before each, and of all.
    private let firstBlocks: [[Int]]
    private let counts: [Int]

    init(_ members: [Kernel]) {
        self.members = members
        var (offsets, bytes): ([Int], Int) = ([], 0)
        for member in members {
            offsets.append(bytes)
            bytes += (member.sharedByteCount + 63) / 64 * 64
        }
        (sharedOffsets, sharedBytes) = (offsets, bytes)
        let phases = members.map(\.phaseCount).max() ?? 0
        var (firsts, counts): ([[Int]], [Int]) = ([], [])
        for phase in 0..<phases {
            var (before, sum): ([Int], Int) = ([], 0)
            for member in members {
                before.append(sum)
                let own = phase - (phases - member.phaseCount)
                sum += own < 0 ? 0 : member.blockCount(own)
            }
            firsts.append(before)
            counts.append(sum)
        }
        (firstBlocks, self.counts) = (firsts, counts)
        super.init()
    }

    override var phaseCount: Int { counts.count }
    override func blockCount(_ phase: Int) -> Int { counts[phase] }
    override var takesNeighbours: Bool { members.allSatisfy(\.takesNeighbours) }
    override var scratchByteCount: Int { members.reduce(0) { max($0, $1.scratchByteCount) } }
    override var sharedByteCount: Int { sharedBytes }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let firsts = firstBlocks[phase]
        var index = members.count - 1
        while index > 0, firsts[index] > block { index -= 1 }
        let member = members[index]
        let own = Workspace(
            thread: workspace.thread, scratch: workspace.scratch, shared: workspace.shared + sharedOffsets[index],
            failure: workspace.failure)
        member.run(phase - (counts.count - member.phaseCount), block - firsts[index], own)
    }

    /// Whether a kernel may be a member: products of few rows take microseconds, and some follow
    /// each other on one input.
    static func takes(_ kernel: Kernel) -> Bool { kernel.takesNeighbours }

    /// Whether a call neither reads nor overwrites what others write, nor writes what they read.
    static func isApart(_ call: KernelCall, _ others: [KernelCall]) -> Bool {
        !others.contains { other in
            other.outputs.contains { written in (call.inputs + call.outputs).contains { $0.overlaps(written) } }
                || other.inputs.contains { read in call.outputs.contains { $0.overlaps(read) } }
        }
    }
}
