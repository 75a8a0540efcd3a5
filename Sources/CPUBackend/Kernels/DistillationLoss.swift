import Glibc
import Graph
import Tensors

extension DistillationLoss: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel {
        DistillationLossKernel(self, inputs: operands.inputs, outputs: operands.outputs)
    }
}

/// Cross-entropy, divergence and gradient of rows of logits, in two passes over a row: sums of
/// exponentials first, then what follows from them. The gradient may be written over the student's
/// logits, of which each chunk is taken aside before.
final class DistillationLossKernel: Kernel {
    private let operation: DistillationLoss
    private let (logits, guide, targets, lossScale): (Matrix, Matrix, Matrix, Matrix)
    private let (crossEntropy, divergence, correct, gradient): (Matrix, Matrix, Matrix, Matrix)
    private let rowsPerBlock: Int
    private static let chunk = 2_048

    /// The greatest number of a row and the sum of exponentials of the numbers below it, each
    /// multiplied by a factor.
    private struct Level {
        let factor: Float
        var greatest = -Float.infinity
        var sum = Vector.zero

        init(_ factor: Float) { self.factor = factor }

        mutating func add(_ z: UnsafePointer<Float>, _ count: Int) {
            let next = CrossEntropyKernel.greatest(z, count)
            if next > greatest {
                if greatest > -.infinity { sum *= Vector.broadcast(exp((greatest - next) * factor)) }
                greatest = next
            }
            for i in stride(from: 0, to: count, by: 16) {
                let left = min(16, count - i)
                let x = left == 16 ? load(z + i) : loadPart(z + i, left).replacing(with: -.infinity, where: lanes .>= Float(left))
                sum += exponentialOfNegative((x - greatest) * factor)
            }
        }

        /// What is taken from a number times the factor to have the logarithm of its share.
        var logSum: Float { greatest * factor + log(sum.total) }
    }

    init(_ operation: DistillationLoss, inputs: [Matrix], outputs: [Matrix]) {
        self.operation = operation
        (logits, guide, targets, lossScale) = (inputs[0], inputs[1], inputs[2], inputs[3])
        (crossEntropy, divergence, correct, gradient) = (outputs[0], outputs[1], outputs[2], outputs[3])
        rowsPerBlock = max(1, 8_192 / max(1, inputs[0].columns))
    }

    /// Chunks of both rows of logits and of the gradient, whole vectors each.
    override var scratchByteCount: Int { 3 * Self.chunk * 4 }
    override func blockCount(_ phase: Int) -> Int { (logits.rows + rowsPerBlock - 1) / rowsPerBlock }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        for row in block * rowsPerBlock..<min(logits.rows, (block + 1) * rowsPerBlock) { run(row, workspace) }
    }

    /// A chunk of a row of capped logits, in the buffer.
    private func take(_ matrix: Matrix, _ cap: Float, _ row: Int, _ columns: Range<Int>, into buffer: UnsafeMutablePointer<Float>) {
        RowConversion.widen(matrix.address(row, columns.lowerBound), matrix.elementType, to: buffer, count: columns.count)
        guard cap != 0 else { return }
        let (width, inverse) = (Vector.broadcast(cap), Vector.broadcast(1 / cap))
        for i in stride(from: 0, to: columns.count, by: 16) {
            store(width * hyperbolicTangent(load(buffer + i) * inverse), buffer + i)
        }
    }

    private func run(_ row: Int, _ workspace: Workspace) {
        let columns = logits.columns
        let shared = min(columns, guide.columns)
        let target = Int(targets.integers(row)[0])
        guard target >= 0, target < columns else {
            for output in [crossEntropy, divergence, correct] { output.floats(row)[0] = 0 }
            memset(gradient.address(row), 0, columns * gradient.elementType.byteCount)
            return
        }
        let z = workspace.scratch.assumingMemoryBound(to: Float.self)
        let (w, output) = (z + Self.chunk, z + 2 * Self.chunk)
        let temperature = operation.temperature
        let inverse = 1 / temperature
        var (plain, student, teacher) = (Level(1), Level(inverse), Level(inverse))
        var targetLogit = Float.nan
        // The greatest before the target: the first of equals counts.
        var greatestBefore = -Float.infinity
        for start in stride(from: 0, to: columns, by: Self.chunk) {
            let range = start..<min(columns, start + Self.chunk)
            take(logits, operation.softCap, row, range, into: z)
            if range.contains(target) {
                targetLogit = z[target - start]
                greatestBefore = plain.greatest
                if target > start { greatestBefore = max(greatestBefore, CrossEntropyKernel.greatest(z, target - start)) }
            }
            plain.add(z, range.count)
            let both = start..<max(start, min(range.upperBound, shared))
            guard !both.isEmpty else { continue }
            student.add(z, both.count)
            take(guide, operation.guideCap, row, both, into: w)
            teacher.add(w, both.count)
        }
        let (logSum, studentLevel, teacherLevel) = (plain.logSum, student.logSum, teacher.logSum)
        let scale = lossScale.floats(0)[0]
        let (softScale, hardScale) = (scale * operation.share * temperature, scale * (1 - operation.share))
        var sum = 0.0
        for start in stride(from: 0, to: columns, by: Self.chunk) {
            let range = start..<min(columns, start + Self.chunk)
            take(logits, operation.softCap, row, range, into: z)
            let both = start..<max(start, min(range.upperBound, shared))
            if !both.isEmpty { take(guide, operation.guideCap, row, both, into: w) }
            var part = Vector.zero
            for i in stride(from: 0, to: range.count, by: 16) {
                // The buffers hold whole vectors: what is beyond the row is not used.
                let x = load(z + i)
                var slope = exponentialOfNegative(x - logSum) * hardScale
                if i < both.count {
                    let (own, other) = (x * inverse - studentLevel, load(w + i) * inverse - teacherLevel)
                    let (q, p) = (exponentialOfNegative(own), exponentialOfNegative(other))
                    let isBeyond = lanes .>= Float(both.count - i)
                    part += (p * (other - own)).replacing(with: 0, where: isBeyond)
                    slope += ((q - p) * softScale).replacing(with: 0, where: isBeyond)
                }
                store(slope, output + i)
            }
            sum += Double(part.total)
            if range.contains(target) { output[target - start] -= hardScale }
            if operation.softCap != 0 {
                for i in 0..<range.count {
                    let curve = z[i] / operation.softCap
                    output[i] *= 1 - curve * curve
                }
            }
            RowConversion.narrow(output, to: gradient.address(row, start), gradient.elementType, count: range.count)
        }
        crossEntropy.floats(row)[0] = logSum - targetLogit
        divergence.floats(row)[0] = temperature * temperature * Float(sum)
        correct.floats(row)[0] = targetLogit == plain.greatest && greatestBefore < targetLogit ? 1 : 0
    }
}
