import Tensors

/// The shape of a group of a matrix product: of Shaders/matrix_product.comp, or of
/// matrix_product_cooperative.comp where `matrix` is set.
struct ProductVariant: Hashable, Sendable {
    /// Invocations of a group over rows and over columns; with cooperative matrices, subgroups.
    var rowLanes: Int
    var lanes: Int
    /// Rows and columns of the result that each of them computes; with cooperative matrices, tiles.
    var own: Int
    var met: Int
    /// Of the inner size, staged in shared memory at a time; 0 stages nothing.
    var slice: Int
    /// Of the inner size, read at a time where nothing is staged.
    var depth: Int
    /// The device's cooperative matrices; nil multiplies numbers one by one.
    var matrix: DeviceFeatures.MatrixShape?
    /// Invocations of a subgroup; 1 without cooperative matrices.
    var subgroup = 1

    var blockRows: Int { rowLanes * own * (matrix?.rows ?? 1) }
    var blockColumns: Int { lanes * met * (matrix?.columns ?? 1) }
    var invocations: Int { rowLanes * lanes * subgroup }

    /// Bytes of shared memory of a group, as the shader declares it.
    var sharedBytes: Int {
        if let matrix {
            return (blockRows * (slice + 8) + slice * (blockColumns + 8)) * 2 + rowLanes * lanes * matrix.rows * matrix.columns * 4
        }
        return slice == 0 ? 0 : slice * (blockRows + blockColumns + 8) * 4
    }

    /// Whether a device can run it.
    func fits(_ device: DeviceProfile) -> Bool {
        guard [rowLanes, lanes, own, met, depth, subgroup].allSatisfy({ (1...256).contains($0) }), (0...128).contains(slice),
            depth == 1 || slice == 0
        else { return false }
        if let matrix {
            guard device.matrixShapes.contains(matrix), subgroup == device.matrixSubgroupSize, slice > 0, slice % matrix.inner == 0,
                own * met <= 16
            else { return false }
        } else if subgroup != 1 || own * met > 128 || depth * (own + met) > 128 {
            return false
        }
        return invocations <= device.maximumGroupInvocations && sharedBytes <= device.sharedMemoryBytes
    }

    /// Whether it computes products of these types.
    func serves(_ key: ProductKey) -> Bool { matrix == nil || (key.a == .float16 && key.b == .float16) }

    var shader: String { matrix == nil ? "matrix_product" : "matrix_product_cooperative" }

    var definitions: [String: Int] {
        var definitions = ["ROW_LANES": rowLanes, "LANES": lanes, "OWN": own, "MET": met]
        definitions[slice > 0 ? "SLICE" : "DEPTH"] = slice > 0 ? slice : depth
        if let matrix {
            definitions["SUBGROUP"] = subgroup
            definitions["MATRIX_ROWS"] = matrix.rows
            definitions["MATRIX_COLUMNS"] = matrix.columns
            definitions["MATRIX_INNER"] = matrix.inner
        }
        return definitions
    }
}

extension ProductVariant: CustomStringConvertible {
    /// `8x2 by 1x8, depth 4`: rows and columns of an invocation by invocations; `2x2 by 2x2, staged
    /// 32, 16x16x16 on 64`: tiles by subgroups of 64.
    var description: String {
        let shape = "\(own)x\(met) by \(rowLanes)x\(lanes), " + (slice > 0 ? "staged \(slice)" : "depth \(depth)")
        guard let matrix else { return shape }
        return shape + ", \(matrix.rows)x\(matrix.columns)x\(matrix.inner) on \(subgroup)"
    }

    /// Reads what ``description`` gives; nil if it is anything else.
    init?(_ text: String) {
        let words = text.split(whereSeparator: { " x,".contains($0) }).map(String.init)
        guard words.count == 7 || words.count == 12, words[2] == "by", let own = Int(words[0]), let met = Int(words[1]),
            let rowLanes = Int(words[3]), let lanes = Int(words[4]), let last = Int(words[6]), ["staged", "depth"].contains(words[5])
        else { return nil }
        self.init(
            rowLanes: rowLanes, lanes: lanes, own: own, met: met, slice: words[5] == "staged" ? last : 0,
            depth: words[5] == "depth" ? last : 1)
        guard words.count == 12 else { return }
        guard let rows = Int(words[7]), let columns = Int(words[8]), let inner = Int(words[9]), words[10] == "on",
            let size = Int(words[11]),
            rows > 0, columns > 0, inner > 0
        else { return nil }
        matrix = DeviceFeatures.MatrixShape(rows: rows, columns: columns, inner: inner)
        subgroup = size
    }
}
