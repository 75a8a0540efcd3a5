import Graph
import Tensors

extension RoutedProduct: CPUKernel {
    func kernel(_ operands: KernelOperands) -> Kernel { RoutedProductKernel(self, operands) }
}

/// `y[t, :] = addend[t, :] + W(routes[t]) x[t, :]`: neighbouring rows with one weight are
/// multiplied together, in an order that no other row changes.
final class RoutedProductKernel: Kernel {
    private let (x, stack, routes, y): (Matrix, Matrix, Matrix, Matrix)
    private let addend: Matrix?
    private let outputs: Int
    private let inner: Int

    /// Columns of the result that a thread takes at a time, and rows of it that it finishes at a
    /// time.
    private static let width = 32
    private static let height = 16
    private static let sumsBytes = width * height * 4

    init(_ operation: RoutedProduct, _ operands: KernelOperands) {
        (x, stack, routes) = (operands.inputs[0], operands.inputs[1], operands.inputs[2])
        y = operands.outputs[0]
        addend = operation.hasAddend ? operands.inputs[3] : nil
        outputs = operation.outputs
        inner = x.columns
        super.init()
    }

    private var convertsX: Bool { x.elementType != .float32 }

    override var phaseCount: Int { convertsX ? 2 : 1 }
    override var sharedByteCount: Int { convertsX ? RowBuffer.byteCount(x.rows * inner) : 0 }
    /// Sums, and rows of the weight that are widened.
    override var scratchByteCount: Int { Self.sumsBytes + (stack.elementType == .float32 ? 0 : Self.width * RowBuffer.byteCount(inner)) }

    override func blockCount(_ phase: Int) -> Int {
        if convertsX, phase == 0 { return x.rows }
        return y.rows == 0 ? 0 : (outputs + Self.width - 1) / Self.width
    }

    override func run(_ phase: Int, _ block: Int, _ workspace: Workspace) {
        let shared = workspace.shared.assumingMemoryBound(to: Float.self)
        if convertsX, phase == 0 {
            RowConversion.widen(x.address(block), x.elementType, to: shared + block * inner, count: inner)
            return
        }
        let rows = UnsafePointer(convertsX ? shared : x.floats(0))
        let stride = convertsX ? inner : x.rowStride
        let sums = workspace.scratch.assumingMemoryBound(to: Float.self)
        let columns = block * Self.width..<min(outputs, (block + 1) * Self.width)
        var row = 0
        while row < y.rows {
            let route = Int(routes.integers(row)[0])
            var end = row + 1
            while end < y.rows, Int(routes.integers(end)[0]) == route { end += 1 }
            // A route that the stack does not have has no weight.
            if route >= 0, (route + 1) * outputs <= stack.rows {
                multiply(rows + row * stride, stride, row..<end, route * outputs + columns.lowerBound, columns, sums)
            } else {
                for index in row..<end { copyAddend(index, columns) }
            }
            row = end
        }
    }

    private func multiply(
        _ first: UnsafePointer<Float>, _ stride: Int, _ rows: Range<Int>, _ weightRow: Int, _ columns: Range<Int>,
        _ sums: UnsafeMutablePointer<Float>
    ) {
        var (weight, step) = (UnsafeRawPointer(stack.address(weightRow)), stack.rowStride)
        if stack.elementType != .float32 {
            step = RowBuffer.byteCount(inner) / 4
            let room = sums + Self.sumsBytes / 4
            for row in 0..<columns.count {
                RowConversion.widen(stack.address(weightRow + row), stack.elementType, to: room + row * step, count: inner)
            }
            weight = UnsafeRawPointer(room)
        }
        for start in Swift.stride(from: 0, to: rows.count, by: Self.height) {
            let count = min(Self.height, rows.count - start)
            RowDots.multiply(
                RowDots.Single.self, first + start * stride, stride: stride, rows: count, weight, step: step, columns: columns.count, inner,
                sums, sumsStride: Self.width)
            for row in 0..<count {
                RowResult.put(
                    sums + row * Self.width, columns.count, scale: 1, addend: addend, y, rows.lowerBound + start + row, columns.lowerBound)
            }
        }
    }

    private func copyAddend(_ row: Int, _ columns: Range<Int>) {
        let target = y.address(row, columns.lowerBound)
        if let addend {
            if addend.base != y.base {
                target.copyMemory(from: addend.address(row, columns.lowerBound), byteCount: columns.count * y.elementType.byteCount)
            }
        } else {
            target.initializeMemory(as: UInt8.self, repeating: 0, count: columns.count * y.elementType.byteCount)
        }
    }
}
