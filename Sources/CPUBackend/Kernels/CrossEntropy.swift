import Glibc
import Graph
import Tensors

extension CrossEntropy: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        CrossEntropyKernel(self, inputs: operands.inputs, outputs: operands.outputs)
    }
}

/// Cross-entropy of rows of logits, their accuracy, and the gradient, which may be written over the
/// logits.
///
/// One pass over a row finds the greatest logit and the sum of exponentials together, chunk by
/// chunk; the second writes the gradient.
final class CrossEntropyKernel: Kernel {
    private let softCap: Float
    private let (smoothing, squaredSum): (Float, Float)
    private let isExtended: Bool
    private let (logits, targets, lossScale): (Matrix, Matrix, Matrix)
    private let (loss, correct): (Matrix, Matrix)
    private let gradient: Matrix?
    private static let chunk = 2_048

    init(_ operation: CrossEntropy, inputs: [Matrix], outputs: [Matrix]) {
        softCap = operation.softCap
        (smoothing, squaredSum) = (operation.smoothing, operation.squaredSum)
        isExtended = operation.isExtended
        (logits, targets, lossScale) = (inputs[0], inputs[1], inputs[2])
        (loss, correct) = (outputs[0], outputs[1])
        gradient = operation.gradientType == nil ? nil : outputs[2]
        rowsPerBlock = max(1, 8_192 / max(1, logits.columns))
    }

    private let rowsPerBlock: Int
    override var scratchByteCount: Int { (isExtended ? 3 : 2) * Self.chunk * 4 }
    override func blockCount(_ phase: Int) -> Int { (logits.rows + rowsPerBlock - 1) / rowsPerBlock }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        for row in block * rowsPerBlock..<min(logits.rows, (block + 1) * rowsPerBlock) { run(row, workspace) }
    }

    /// A chunk of a row of capped logits: in place where they are float32 without a cap, else
    /// computed into the buffer.
    @inline(__always) private func capped(_ row: Int, _ start: Int, _ count: Int, _ buffer: UnsafeMutablePointer<Float>)
        -> UnsafeMutablePointer<Float>
    {
        if logits.elementType == .float32, softCap == 0 { return logits.floats(row, start) }
        RowConversion.widen(logits.address(row, start), logits.elementType, to: buffer, count: count)
        if softCap != 0 {
            let (cap, inverse) = (Vector.broadcast(softCap), Vector.broadcast(1 / softCap))
            var i = 0
            // The buffer has room for a whole vector at the end.
            while i < count {
                store(cap * hyperbolicTangent(load(buffer + i) * inverse), buffer + i)
                i += 16
            }
        }
        return buffer
    }

    private func run(_ row: Int, _ workspace: Workspace) {
        let columns = logits.columns
        let target = Int(targets.integers(row)[0])
        if target < 0 {
            loss.floats(row)[0] = 0
            correct.floats(row)[0] = 0
            if let gradient { memset(gradient.address(row), 0, columns * gradient.elementType.byteCount) }
            return
        }
        let buffer = workspace.scratch.assumingMemoryBound(to: Float.self)
        let output = buffer + Self.chunk
        let shares = output + Self.chunk
        var greatest = -Float.infinity
        var sum = Vector.zero
        var targetLogit = Float.nan
        // The greatest before the target and from the target on: the first of equals counts.
        var greatestBefore = -Float.infinity
        var logitSum = 0.0
        var start = 0
        while start < columns {
            let count = min(Self.chunk, columns - start)
            let z = capped(row, start, count, buffer)
            if isExtended { for place in 0..<count { logitSum += Double(z[place]) } }
            let chunkGreatest = Self.greatest(z, count)
            if target >= start, target < start + count {
                targetLogit = z[target - start]
                let before = target > start ? Self.greatest(z, target - start) : -Float.infinity
                greatestBefore = greatest > before ? greatest : before
            }
            if chunkGreatest > greatest {
                if greatest > -.infinity { sum *= Vector.broadcast(exp(greatest - chunkGreatest)) }
                greatest = chunkGreatest
            }
            sum += Self.exponentialSum(z, count, greatest)
            start += count
        }
        let logSumExp = greatest + log(sum.total)
        loss.floats(row)[0] = isExtended ? extended(logSumExp, targetLogit, logitSum / Double(columns)) : logSumExp - targetLogit
        correct.floats(row)[0] = targetLogit == greatest && greatestBefore < targetLogit ? 1 : 0
        guard let gradient else { return }
        let scale = lossScale.floats(0)[0]
        // Of the exponentials, of the target, of every class.
        let wholeScale = isExtended ? scale * (1 + 2 * squaredSum * logSumExp) : scale
        let targetScale = isExtended ? scale * (1 - smoothing) : scale
        let share = scale * smoothing / Float(columns)
        start = 0
        while start < columns {
            let count = min(Self.chunk, columns - start)
            let z = capped(row, start, count, buffer)
            let place = gradient.elementType == .float32 ? gradient.floats(row, start) : output
            let targetSlope = target >= start && target < start + count ? slope(z[target - start]) : 0
            // The gradient may lie where the logits do: their slopes are taken before.
            if smoothing != 0, softCap != 0 { for column in 0..<count { shares[column] = share * slope(z[column]) } }
            writeGradient(z, place, count, logSumExp, wholeScale)
            if smoothing != 0 { for column in 0..<count { place[column] -= softCap == 0 ? share : shares[column] } }
            if target >= start, target < start + count { place[target - start] -= targetScale * targetSlope }
            if gradient.elementType != .float32 {
                RowConversion.narrow(output, to: gradient.address(row, start), gradient.elementType, count: count)
            }
            start += count
        }
    }

    private func extended(_ logSumExp: Float, _ targetLogit: Float, _ mean: Double) -> Float {
        let (sum, part) = (Double(logSumExp), Double(smoothing))
        return Float(sum - (1 - part) * Double(targetLogit) - part * mean + Double(squaredSum) * sum * sum)
    }

    @inline(__always) private func slope(_ z: Float) -> Float {
        if softCap == 0 { return 1 }
        let t = z / softCap
        return 1 - t * t
    }

    @inline(__always) private func writeGradient(
        _ z: UnsafePointer<Float>, _ target: UnsafeMutablePointer<Float>, _ count: Int, _ logSumExp: Float, _ scale: Float
    ) {
        var i = 0
        if softCap == 0 {
            while i + 16 <= count {
                store(exponentialOfNegative(load(z + i) - logSumExp) * scale, target + i)
                i += 16
            }
            if i < count { storePart(exponentialOfNegative(loadPart(z + i, count - i) - logSumExp) * scale, target + i, count - i) }
        } else {
            let inverse = Vector.broadcast(1 / softCap)
            while i < count {
                let part = min(16, count - i)
                let x = part == 16 ? load(z + i) : loadPart(z + i, part)
                let t = x * inverse
                let value = exponentialOfNegative(x - logSumExp) * scale * (1 - t * t)
                if part == 16 { store(value, target + i) } else { storePart(value, target + i, part) }
                i += 16
            }
        }
    }

    @inline(never) static func greatest(_ z: UnsafePointer<Float>, _ count: Int) -> Float {
        var (even, odd) = (Vector.broadcast(-.infinity), Vector.broadcast(-.infinity))
        var i = 0
        while i + 32 <= count {
            even = load(z + i).greater(even)
            odd = load(z + i + 16).greater(odd)
            i += 32
        }
        while i < count {
            let part = min(16, count - i)
            let x = part == 16 ? load(z + i) : loadPart(z + i, part).replacing(with: -.infinity, where: lanes .>= Float(part))
            even = x.greater(even)
            i += part
        }
        return even.greater(odd).greatest
    }

    @inline(never) private static func exponentialSum(_ z: UnsafePointer<Float>, _ count: Int, _ greatest: Float) -> Vector {
        var (even, odd) = (Vector.zero, Vector.zero)
        var i = 0
        while i + 32 <= count {
            even += exponentialOfNegative(load(z + i) - greatest)
            odd += exponentialOfNegative(load(z + i + 16) - greatest)
            i += 32
        }
        while i < count {
            let part = min(16, count - i)
            let x = part == 16 ? load(z + i) : loadPart(z + i, part).replacing(with: -.infinity, where: lanes .>= Float(part))
            even += exponentialOfNegative(x - greatest)
            i += part
        }
        return even + odd
    }
}
