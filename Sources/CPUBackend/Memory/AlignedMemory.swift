import Glibc
import Graph

/// Zeroed memory on a page border, in huge pages where the system has them. Freed with the object.
final class AlignedMemory {
    let address: UnsafeMutableRawPointer
    let byteCount: Int

    init(byteCount: Int) throws(CPUError) {
        let size = max(1, byteCount)
        let protection = PROT_READ | PROT_WRITE
        guard let address = mmap(nil, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), address != MAP_FAILED else {
            throw .outOfMemory(byteCount: byteCount)
        }
        // Fewer, larger pages: a product walks rows that are far apart. It is a wish, so a refusal
        // is not an error.
        if size >= 2 << 20 { madvise(address, size, MADV_HUGEPAGE) }
        self.address = address
        self.byteCount = size
    }

    deinit { munmap(address, byteCount) }
}
