import Basics
import Preparation
import Testing

/// What a process holds after large arrays are freed.
@Suite struct HeapMemoryTests {
    /// Between the arrays lie small blocks that stay, as tokenizers and names do while weights are
    /// drawn. Other tests take and free memory in this process at the same time, so one try of five
    /// is enough.
    @Test func freedArraysGoBackToTheSystem() {
        HeapMemory.returnLargeBlocks()
        let returned = (0..<5).map { _ in Self.mebibytesReturned() }
        #expect(returned.contains { $0 > 384 }, "of 512 MiB these went back: \(returned)")
    }

    /// Fills 32 arrays of 16 MiB, frees them, and says how much less the process holds then.
    private static func mebibytesReturned() -> Int {
        // What has glibc put later arrays of up to this size on the heap.
        var first = [UInt8](repeating: 1, count: 24 << 20)
        #expect(first.last == 1)
        first = []
        var kept: [[UInt8]] = []
        var large: [[UInt8]] = []
        for index in 0..<32 {
            large.append([UInt8](repeating: UInt8(index), count: 16 << 20))
            kept.append([UInt8](repeating: 1, count: 100_000))
        }
        let full = ProcessMemory.residentBytes
        large = []
        let freed = full - ProcessMemory.residentBytes
        #expect(kept.allSatisfy { $0.last == 1 })
        return freed >> 20
    }
}
