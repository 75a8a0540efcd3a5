import Glibc
import Graph

extension AdamW8Bit: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { AdamW8BitKernel(self, inputs: operands.inputs, outputs: operands.outputs) }
}

/// One step of AdamW with moments in eight bits, block by block: new moments in float32 and their
/// largest, the step, the new codes.
final class AdamW8BitKernel: Kernel {
    private let operation: AdamW8Bit
    private let inputs: [Matrix]
    private let outputs: [Matrix]
    private let (clip, scalars): (Matrix, Matrix)
    private let (rest1, rest2): (Float, Float)
    private let blocks: RowBlocks
    private static let width = StateShape.blockWidth

    init(_ operation: AdamW8Bit, inputs: [Matrix], outputs: [Matrix]) {
        self.operation = operation
        self.inputs = Array(inputs.prefix(6))
        self.outputs = outputs
        (clip, scalars) = (inputs[6], inputs[7])
        // From the decimal numbers that were meant, as AdamW has them.
        (rest1, rest2) = (
            Float(1 - (Double("\(operation.beta1)") ?? Double(operation.beta1))),
            Float(1 - (Double("\(operation.beta2)") ?? Double(operation.beta2)))
        )
        blocks = RowBlocks(rows: inputs[0].rows, columns: inputs[0].columns)
    }

    override var scratchByteCount: Int { 2 * Self.width * 4 }
    override func blockCount(_ phase: Int) -> Int { blocks.count }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let moments = workspace.scratch.assumingMemoryBound(to: Float.self)
        for row in blocks.rows(of: block) {
            guard clip.floats(0)[0].isFinite else {
                leave(row)
                continue
            }
            for start in stride(from: 0, to: inputs[0].columns, by: Self.width) { step(row, start, moments, moments + Self.width) }
        }
    }

    private func leave(_ row: Int) {
        for index in [0, 2, 3, 4, 5] where inputs[index].address(row) != outputs[index].address(row) {
            memcpy(outputs[index].address(row), inputs[index].address(row), inputs[index].columns * 4)
        }
        outputs[1].floats(row).update(repeating: 0, count: inputs[1].columns)
    }

    private func words(_ index: Int, _ row: Int) -> UnsafePointer<UInt32> {
        UnsafePointer(inputs[index].address(row).assumingMemoryBound(to: UInt32.self))
    }

    /// A position without its fraction; 0 for what is no number.
    private static func code(_ position: Float, atMost limit: Int) -> Int {
        position.isFinite ? min(limit, Int(max(0, min(position, 65_536)))) : 0
    }

    private func step(_ row: Int, _ start: Int, _ firsts: UnsafeMutablePointer<Float>, _ roots: UnsafeMutablePointer<Float>) {
        let count = min(Self.width, inputs[0].columns - start)
        let place = start / Self.width
        let (firstCodes, secondCodes) = (words(2, row), words(4, row))
        let (firstScale, secondScale) = (inputs[3].floats(row)[place] / (127 * 127), inputs[5].floats(row)[place] / (255 * 255))
        let (gradient, parameter) = (inputs[1].floats(row) + start, inputs[0].floats(row) + start)
        let (newGradient, newParameter) = (outputs[1].floats(row) + start, outputs[0].floats(row) + start)
        let factor = clip.floats(0)[1]
        let (rate, correction1, correction2) = (scalars.floats(0)[0], scalars.floats(0)[1], scalars.floats(0)[2])
        let size = Float(Double(rate) / Double(correction1))
        let (decay, correction) = (Float(1 - Double(rate) * Double(operation.weightDecay)), correction2.squareRoot())
        var (largestFirst, largestRoot) = (Float(0), Float(0))
        for index in 0..<count {
            let (word, shift) = ((start + index) / 4, UInt32((start + index) % 4 * 8))
            let signed = Float(Int8(truncatingIfNeeded: firstCodes[word] >> shift))
            let unsigned = Float((secondCodes[word] >> shift) & 0xFF)
            let root = secondScale * unsigned * unsigned
            let g = gradient[index] * factor
            let first = operation.beta1 * (firstScale * signed * abs(signed)) + rest1 * g
            let second = (operation.beta2 * (root * root) + rest2 * (g * g)).squareRoot()
            (firsts[index], roots[index]) = (first, second)
            largestFirst = max(largestFirst, abs(first))
            largestRoot = max(largestRoot, second)
            newParameter[index] = parameter[index] * decay - first * size / (second / correction + operation.epsilon)
            newGradient[index] = 0
        }
        outputs[3].floats(row)[place] = largestFirst
        outputs[5].floats(row)[place] = largestRoot
        let (inverseFirst, inverseRoot) = (largestFirst > 0 ? 1 / largestFirst : 0, largestRoot > 0 ? 1 / largestRoot : 0)
        let number = UInt32(max(0, min(scalars.floats(0)[3], 16_777_216)))
        let newFirsts = outputs[2].address(row).assumingMemoryBound(to: UInt32.self)
        let newSeconds = outputs[4].address(row).assumingMemoryBound(to: UInt32.self)
        for first in stride(from: 0, to: count, by: 4) {
            var (firstWord, secondWord) = (UInt32(0), UInt32(0))
            for index in first..<min(count, first + 4) {
                func share(_ stream: UInt32) -> Float {
                    let bits = AdamW8Bit.noise(
                        row: UInt32(truncatingIfNeeded: row), column: UInt32(truncatingIfNeeded: start + index), step: number,
                        stream: stream)
                    return Float(bits >> 8) * 0x1p-24
                }
                let position = (abs(firsts[index]) * inverseFirst).squareRoot() * 127
                let magnitude = Self.code(position + share(0), atMost: 127)
                let signed = Int8(truncatingIfNeeded: firsts[index] < 0 ? -magnitude : magnitude)
                let height = (roots[index] * inverseRoot).squareRoot() * 255
                let unsigned = max(roots[index] > 0 ? 1 : 0, Self.code(height + share(1), atMost: 255))
                let shift = UInt32((index - first) * 8)
                firstWord |= UInt32(UInt8(bitPattern: signed)) << shift
                secondWord |= UInt32(truncatingIfNeeded: unsigned) << shift
            }
            newFirsts[(start + first) / 4] = firstWord
            newSeconds[(start + first) / 4] = secondWord
        }
    }
}
