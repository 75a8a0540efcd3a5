import Glibc
import Storage

extension StoredTensor {
    /// Whether two tensors have the same shape and the same numbers, in whatever types. Stops at
    /// the first part that differs.
    package func holdsSameNumbers(as other: StoredTensor) -> Bool {
        guard shape == other.shape else { return false }
        guard let left = bytes.baseAddress, let right = other.bytes.baseAddress else { return bytes.count == other.bytes.count }
        let areAlike = elementType == other.elementType && isPlain && other.isPlain
        defer {
            file.evict(bytes)
            other.file.evict(other.bytes)
        }
        let count = elementCount
        let partCount = 1 << 20
        for start in stride(from: 0, to: count, by: partCount) {
            let length = min(partCount, count - start)
            if areAlike {
                let (first, second) = (left + start * elementType.byteCount, right + start * elementType.byteCount)
                if memcmp(first, second, length * elementType.byteCount) != 0 { return false }
            } else {
                guard elementType.isFloatingPoint, other.elementType.isFloatingPoint else { return false }
                let widened = [self, other].map { tensor in
                    [Float](unsafeUninitializedCapacity: length) { buffer, initialized in
                        if let target = buffer.baseAddress { tensor.read(start..<(start + length), into: target) }
                        initialized = length
                    }
                }
                if widened[0] != widened[1] { return false }
            }
        }
        return true
    }
}
