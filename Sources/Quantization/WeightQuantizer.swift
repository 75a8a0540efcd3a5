import Basics
import Glibc

/// Turns float32 numbers into a quantised tensor, a part at a time on several threads.
///
/// The result depends on the numbers alone, not on the number of threads.
package struct WeightQuantizer: Sendable {
    /// Why numbers cannot be quantised.
    package enum Fault: Sendable, Hashable {
        /// A NaN or an infinity.
        case notFinite
        /// A number whose scale is larger than a half-precision number can be.
        case tooLarge
    }
    package let layout: QuantizedLayout

    /// Numbers that one piece of work reads: whole blocks.
    static let pieceLength = 1 << 18

    package init(_ layout: QuantizedLayout) { self.layout = layout }

    /// - Parameters:
    ///   - words: room for the layout's words.
    ///   - threadCount: nil: one for each processor.
    ///   - read: gives the numbers of a range of elements; called once for each range, from several
    ///     threads.
    /// - Returns: nil, or what is wrong with the numbers.
    package func quantize(
        into words: UnsafeMutableRawPointer, threadCount: Int? = nil,
        _ read: @escaping @Sendable (_ range: Range<Int>, _ target: UnsafeMutablePointer<Float>) -> Void
    ) -> Fault? {
        memset(words, 0, layout.byteCount)
        let pieces = (layout.elementCount + Self.pieceLength - 1) / Self.pieceLength
        let scales = Memory<Float>(count: layout.blockCount)
        let faults = Memory<UInt8>(count: pieces)
        defer {
            scales.deallocate()
            faults.deallocate()
        }
        let target = Memory<UInt8>(start: words.assumingMemoryBound(to: UInt8.self))
        let layout = layout
        ParallelWork.run(count: pieces, threadCount: threadCount ?? ParallelWork.processorCount) { piece in
            let range = piece * Self.pieceLength..<min(layout.elementCount, (piece + 1) * Self.pieceLength)
            // Room for the last block's missing numbers, which are zero.
            let length = layout.format.blockLength
            let blocks = (range.count + length - 1) / length
            let numbers = UnsafeMutablePointer<Float>.allocate(capacity: blocks * length)
            defer { numbers.deallocate() }
            (numbers + range.count).update(repeating: 0, count: blocks * length - range.count)
            read(range, numbers)
            let firstBlock = range.lowerBound / length
            let codes = target.start + layout.codeWord * 4 + firstBlock * 32
            var fault: UInt8 = 0
            for block in 0..<blocks {
                let source = numbers + block * length
                let greatest = Self.greatest(source, length)
                if !greatest.isFinite { fault = 1 }
                scales.start[firstBlock + block] = greatest
                switch layout.format {
                case .q8: Self.encodeQ8(source, greatest, codes + block * 32)
                case .nf4: Self.encodeNF4(source, greatest, codes + block * 32)
                }
            }
            faults.start[piece] = fault
        }
        for piece in 0..<pieces where faults.start[piece] != 0 { return .notFinite }
        switch layout.format {
        case .q8: return storeHalfScales(scales.start, words)
        case .nf4:
            storeDynamicScales(scales.start, words)
            return nil
        }
    }

    /// The greatest magnitude; not finite if any number is not.
    private static func greatest(_ numbers: UnsafePointer<Float>, _ count: Int) -> Float {
        // Magnitudes of float32 numbers are in the order of their bits, infinity and NaN above all
        // others.
        var bits: UInt32 = 0
        for index in 0..<count { bits = max(bits, numbers[index].bitPattern & 0x7FFF_FFFF) }
        return Float(bitPattern: bits)
    }

    private static func encodeNF4(_ numbers: UnsafePointer<Float>, _ greatest: Float, _ codes: UnsafeMutablePointer<UInt8>) {
        let inverse = 1 / max(greatest, 1e-38)
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: 64) { places in
            guard let places = places.baseAddress else { return }
            places.update(repeating: 0, count: 64)
            NormalFloat.bounds.withUnsafeBufferPointer { bounds in
                for bound in bounds {
                    for index in 0..<64 { places[index] &+= numbers[index] * inverse > bound ? 1 : 0 }
                }
            }
            for index in 0..<32 { codes[index] = UInt8(truncatingIfNeeded: places[2 * index] &<< 4 | places[2 * index + 1]) }
        }
    }

    private static func encodeQ8(_ numbers: UnsafePointer<Float>, _ greatest: Float, _ codes: UnsafeMutablePointer<UInt8>) {
        let scale = greatest / 127
        let inverse = scale == 0 ? 0 : 1 / scale
        for index in 0..<32 {
            // Half away from zero. A tiny scale's inverse may be infinite, which no code can say.
            let number = numbers[index] * inverse
            let rounded = (number.magnitude.isFinite ? number : 0).rounded(.toNearestOrAwayFromZero)
            codes[index] = UInt8(bitPattern: Int8(max(-127, min(127, rounded))))
        }
    }

    private func storeHalfScales(_ scales: UnsafePointer<Float>, _ words: UnsafeMutableRawPointer) -> Fault? {
        let target = words + layout.scaleWord * 4
        for block in 0..<layout.blockCount {
            let half = HalfPrecision.bits(scales[block] / 127)
            if half & 0x7C00 == 0x7C00 { return .tooLarge }
            target.storeBytes(of: half, toByteOffset: 2 * block, as: UInt16.self)
        }
        return nil
    }

    private func storeDynamicScales(_ scales: UnsafePointer<Float>, _ words: UnsafeMutableRawPointer) {
        for (index, value) in NormalFloat.values.enumerated() {
            words.storeBytes(of: value, toByteOffset: 4 * (QuantizedLayout.valueWord + index), as: Float.self)
        }
        for (index, value) in DynamicMap.values.enumerated() {
            words.storeBytes(of: value, toByteOffset: 4 * (QuantizedLayout.scaleValueWord + index), as: Float.self)
        }
        var sum = 0.0
        for block in 0..<layout.blockCount { sum += Double(scales[block]) }
        let mean = Float(sum / Double(max(1, layout.blockCount)))
        words.storeBytes(of: mean, toByteOffset: 4 * QuantizedLayout.meanWord, as: Float.self)
        for group in 0..<layout.groupCount {
            let blocks = group * QuantizedLayout.groupLength..<min(layout.blockCount, (group + 1) * QuantizedLayout.groupLength)
            var greatest: Float = 0
            for block in blocks { greatest = max(greatest, (scales[block] - mean).magnitude) }
            let inverse = 1 / max(greatest, 1e-38)
            words.storeBytes(of: greatest, toByteOffset: 4 * (layout.groupWord + group), as: Float.self)
            for block in blocks {
                let code = DynamicMap.code(max(-1, min(1, (scales[block] - mean) * inverse)))
                words.storeBytes(of: code, toByteOffset: 4 * layout.scaleWord + block, as: UInt8.self)
            }
        }
    }

    /// Memory that several threads write, each its own part.
    private struct Memory<Element>: @unchecked Sendable {
        let start: UnsafeMutablePointer<Element>

        init(start: UnsafeMutablePointer<Element>) { self.start = start }
        init(count: Int) { start = .allocate(capacity: max(1, count)) }
        func deallocate() { start.deallocate() }
    }
}
