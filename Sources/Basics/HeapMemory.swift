import CLinux

/// What the C library does with memory that arrays have given back.
package enum HeapMemory {
    /// From this size on an array has memory of its own from the system, which goes back at once.
    private static let ownMappingBytes: Int32 = 1 << 20

    /// Lets the memory of large arrays go back to the system when they are freed, so that a
    /// process holds what its plan says.
    ///
    /// Left alone, glibc takes the first large array that is freed as a sign that more will come:
    /// it puts further ones of up to 32 MiB on the heap, where one small block above them keeps
    /// them all. Weights that were drawn or converted tensor by tensor then stay resident a second
    /// time, in some runs and not in others. To be called once, before a program allocates much.
    package static func returnLargeBlocks() {
        mallopt(M_MMAP_THRESHOLD, ownMappingBytes)
    }
}
