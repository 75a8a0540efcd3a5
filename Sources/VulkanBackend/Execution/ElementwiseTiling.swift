import Graph

/// How an elementwise kernel's groups cover a matrix: specialization and parameters as
/// Shaders/common/elementwise.glsl takes them.
struct ElementwiseTiling {
    let specialization: [UInt32]
    /// Rows, columns, tiles side by side.
    let parameters: [UInt32]
    let groupCount: Int

    /// - Parameter operands: where all have one shape and no gaps between rows, they are taken as
    ///   one long row.
    init(rows: Int, columns: Int, flattening operands: [TensorReference] = [], _ device: DeviceProfile) {
        let isFlat = !operands.isEmpty && rows > 1 && operands.allSatisfy { $0.isContiguous && $0.rows == rows && $0.columns == columns }
        let (rows, columns) = isFlat ? (1, rows * columns) : (rows, columns)
        let size = min(64, device.maximumGroupInvocations)
        var lanes = 1
        while lanes < size, lanes < columns { lanes *= 2 }
        // Work for an invocation: more where that still leaves enough invocations to fill the
        // device.
        var steps = 1
        while steps < 8, lanes * steps < columns, rows * columns / (2 * steps) >= device.desiredInvocations { steps *= 2 }
        let across = max(1, (columns + lanes * steps - 1) / (lanes * steps))
        let rowsPerGroup = size / lanes
        specialization = [UInt32(size), UInt32(lanes), UInt32(steps)]
        parameters = [rows.word, columns.word, across.word]
        groupCount = columns == 0 ? 0 : across * ((rows + rowsPerGroup - 1) / rowsPerGroup)
    }
}

/// How the rows of a reducing kernel are shared out, as Shaders/common/rows.glsl takes them.
struct RowTiling {
    let lanes: Int
    let specialization: [UInt32]
    let groupCount: Int

    /// - Parameters:
    ///   - rows: reductions to be made.
    ///   - width: elements of each.
    ///   - isRowExact: the number of rows must not decide how one is summed.
    init(rows: Int, width: Int, isRowExact: Bool = false, _ device: DeviceProfile) {
        var lanes = 1
        if !device.isProcessor {
            // Some four elements an invocation at least; more invocations a row only where it is
            // long.
            while lanes < min(256, device.maximumGroupInvocations), lanes * 4 < width { lanes *= 2 }
        } else {
            // Barriers cost there: a row is shared only where there are too few rows to fill the
            // machine.
            while !isRowExact, lanes < 16, rows * lanes < 64, lanes * 64 < width { lanes *= 2 }
        }
        let size = max(lanes, min(device.isProcessor ? 16 : 64, device.maximumGroupInvocations))
        self.lanes = lanes
        specialization = [UInt32(size), UInt32(lanes)]
        groupCount = (rows + size / lanes - 1) / (size / lanes)
    }
}

/// How the columns of a kernel that sums over rows are shared out, as Shaders/common/columns.glsl
/// takes them.
struct ColumnTiling {
    let specialization: [UInt32]
    let groupCount: Int

    init(rows: Int, columns: Int, _ device: DeviceProfile) {
        let columnLanes = device.isProcessor ? 8 : 32
        let turns = device.isProcessor ? 1 : max(1, min(8, device.maximumGroupInvocations / columnLanes))
        specialization = [UInt32(columnLanes * turns), UInt32(columnLanes)]
        groupCount = (columns + columnLanes - 1) / columnLanes
    }
}
