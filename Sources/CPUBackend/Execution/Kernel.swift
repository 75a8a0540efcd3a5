/// Memory that a kernel may use while it runs: a part for each thread, and one that all share.
struct Workspace {
    /// The thread that runs the block, from 0.
    let thread: Int
    /// This thread's part.
    let scratch: UnsafeMutableRawPointer
    let shared: UnsafeMutableRawPointer
    /// Where a kernel leaves a status other than 0 when it fails.
    let failure: UnsafeMutablePointer<Int32>
}

/// A kernel call with all its addresses resolved.
///
/// The work is cut into phases that run one after the other, and each phase into blocks that any
/// threads run in any order. The cut depends on shapes alone, never on the number of threads, so
/// the results do not either.
class Kernel {
    var phaseCount: Int { 1 }
    /// Bytes of working memory that each thread needs.
    var scratchByteCount: Int { 0 }
    /// Bytes of working memory that all threads share. Its content is undefined at the beginning.
    var sharedByteCount: Int { 0 }
    func blockCount(_ phase: Int) -> Int { 0 }
    /// Whether a thread takes several neighbouring blocks at a time. That pays where blocks take a
    /// microsecond and what one reads lies behind what the one before it has read.
    var takesNeighbours: Bool { false }
    func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {}
}
