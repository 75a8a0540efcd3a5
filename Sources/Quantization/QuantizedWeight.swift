/// A quantised tensor in memory, to be read as float32 numbers.
package struct QuantizedWeight: @unchecked Sendable {
    package let layout: QuantizedLayout
    /// The layout's words.
    package let base: UnsafeRawPointer
    private let codes: UnsafePointer<UInt8>

    /// - Parameter base: the layout's words, aligned to 4 bytes, valid as long as this value is
    ///   used.
    package init(_ layout: QuantizedLayout, _ base: UnsafeRawPointer) {
        self.layout = layout
        self.base = base
        codes = (base + layout.codeWord * 4).assumingMemoryBound(to: UInt8.self)
    }

    /// What the codes of a block are multiplied with.
    @inline(__always)
    package func scale(ofBlock block: Int) -> Float {
        switch layout.format {
        case .q8: HalfPrecision.number(base.load(fromByteOffset: layout.scaleWord * 4 + 2 * block, as: UInt16.self))
        case .nf4:
            // Two roundings, as bitsandbytes computes it.
            float(
                QuantizedLayout.scaleValueWord + Int(base.load(fromByteOffset: layout.scaleWord * 4 + block, as: UInt8.self)))
                * float(layout.groupWord + block / QuantizedLayout.groupLength) + float(QuantizedLayout.meanWord)
        }
    }

    @inline(__always) private func float(_ word: Int) -> Float { base.load(fromByteOffset: word * 4, as: Float.self) }

    /// The numbers of a range of elements.
    package func dequantize(_ range: Range<Int>, into target: UnsafeMutablePointer<Float>) {
        let length = layout.format.blockLength
        var element = range.lowerBound
        var target = target
        while element < range.upperBound {
            let block = element / length
            let end = min(range.upperBound, (block + 1) * length)
            let scale = scale(ofBlock: block)
            switch layout.format {
            case .q8: decodeQ8(element..<end, scale, target)
            case .nf4: decodeNF4(element..<end, scale, target)
            }
            target += end - element
            element = end
        }
    }

    @inline(__always) private func decodeQ8(_ range: Range<Int>, _ scale: Float, _ target: UnsafeMutablePointer<Float>) {
        let source = UnsafeRawPointer(codes + range.lowerBound).assumingMemoryBound(to: Int8.self)
        for index in 0..<range.count { target[index] = Float(source[index]) * scale }
    }

    @inline(__always) private func decodeNF4(_ range: Range<Int>, _ scale: Float, _ target: UnsafeMutablePointer<Float>) {
        let pairs = NormalFloat.pairs
        var target = target
        var element = range.lowerBound
        if element & 1 == 1 {
            target[0] = pairs[Int(codes[element >> 1])].y * scale
            target += 1
            element += 1
        }
        let whole = (range.upperBound - element) >> 1
        let source = codes + (element >> 1)
        let factor = SIMD2(repeating: scale)
        for index in 0..<whole {
            UnsafeMutableRawPointer(target + 2 * index).storeBytes(of: pairs[Int(source[index])] * factor, as: SIMD2<Float>.self)
        }
        if element + 2 * whole < range.upperBound { target[2 * whole] = pairs[Int(source[whole])].x * scale }
    }
}
