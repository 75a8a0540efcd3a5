import Glibc
import Storage

extension StoredTensor {
    /// Whether two tensors have the same shape and the same numbers, in whatever types. Stops at
    /// the first part that differs.
    package func holdsSameNumbers(as other: StoredTensor) -> Bool {
        guard shape == other.shape else { return false }
        guard let left = bytes.baseAddress, let right = other.bytes.baseAddress else { return bytes.count == other.bytes.count }
        defer {
            file.evict(bytes)
            other.file.evict(other.bytes)
        }
        let count = elementCount
        let partCount = 1 << 20
        for start in stride(from: 0, to: count, by: partCount) {
            let length = min(partCount, count - start)
            let (first, second) = (left + start * elementType.byteCount, right + start * other.elementType.byteCount)
            if elementType == other.elementType {
                if memcmp(first, second, length * elementType.byteCount) != 0 { return false }
            } else {
                guard elementType.isFloatingPoint, other.elementType.isFloatingPoint else { return false }
                let widened = [(first, elementType), (second, other.elementType)].map { source, type in
                    [Float](unsafeUninitializedCapacity: length) { buffer, initialized in
                        if let target = buffer.baseAddress { FloatConversion.widen(source, type, count: length, into: target) }
                        initialized = length
                    }
                }
                if widened[0] != widened[1] { return false }
            }
        }
        return true
    }
}
