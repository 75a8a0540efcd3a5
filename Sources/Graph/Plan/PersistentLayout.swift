import Tensors

/// Where every persistent tensor of a job lies: blocks within the device's limits, tensors inside
/// them, large ones in several pieces.
package struct PersistentLayout: Sendable {
    package struct Block: Sendable, Hashable {
        package var byteCount: Int
        /// The key of the frozen weight whose mapped memory this block is, or nil for memory that
        /// the device allocates.
        package var mappedWeight: String?
    }
    package private(set) var blocks: [Block] = []
    package private(set) var placements: [String: Placement] = [:]
    package private(set) var tensors: [String: PersistentTensor] = [:]

    /// Lays out tensors in their order. Parts of pages lie in their page, which must be among
    /// `tensors`.
    /// - Parameter mappedWeights: keys of weights that lie in host memory of their own (used only
    ///   where the limits allow it).
    /// - Throws: ``GraphError/undefinedValue(_:)`` if a page is missing,
    ///   ``GraphError/tensorTooLarge(name:byteCount:limit:operation:)``.
    package init(_ tensors: [PersistentTensor], limits: MemoryLimits, mappedWeights: Set<String> = []) throws(GraphError) {
        for tensor in tensors where tensor.page == nil && self.tensors[tensor.key] == nil {
            self.tensors[tensor.key] = tensor
            if limits.mapsWeights, mappedWeights.contains(tensor.key) {
                let block = Block(byteCount: tensor.type.byteCount, mappedWeight: tensor.key)
                placements[tensor.key] = Placement([Self.reference(tensor.type, block: blocks.count, byteOffset: 0)])
                blocks.append(block)
            } else {
                placements[tensor.key] = try place(tensor, limits)
            }
        }
        for tensor in tensors where self.tensors[tensor.key] == nil {
            guard let page = tensor.page, let whole = placements[page.key] else { throw .undefinedValue(tensor.page?.key ?? tensor.key) }
            self.tensors[tensor.key] = tensor
            placements[tensor.key] = try Self.part(tensor, of: whole, at: page.elementOffset, limits)
        }
    }

    /// Bytes that the device allocates.
    package var allocatedByteCount: Int { blocks.reduce(0) { $0 + ($1.mappedWeight == nil ? $1.byteCount : 0) } }
    /// Bytes of weights in mapped memory.
    package var mappedByteCount: Int { blocks.reduce(0) { $0 + ($1.mappedWeight == nil ? 0 : $1.byteCount) } }

    static func reference(_ type: TensorType, block: Int, byteOffset: Int, space: MemorySpace = .persistent) -> TensorReference {
        TensorReference(
            space: space, block: block, byteOffset: byteOffset, rows: type.rows, columns: type.columns, rowStride: type.columns,
            elementType: type.elementType)
    }

    private mutating func place(_ tensor: PersistentTensor, _ limits: MemoryLimits) throws(GraphError) -> Placement {
        var limits = limits
        if tensor.isReadInParts { limits.maximumTensorBytes = max(limits.maximumTensorBytes, limits.maximumBlockBytes) }
        return Placement(
            try RowSplit.pieces(of: tensor.type, named: tensor.key, limits: limits).map { rows in
                let type = TensorType(rows: rows, columns: tensor.type.columns, tensor.type.elementType)
                let byteCount = RowSplit.aligned(max(1, type.byteCount), limits.alignment)
                // The last block takes what fits; persistent tensors never move, so there is
                // nothing to search.
                if let last = blocks.indices.last, blocks[last].mappedWeight == nil,
                    blocks[last].byteCount + byteCount <= limits.maximumBlockBytes
                {
                    let reference = Self.reference(type, block: last, byteOffset: blocks[last].byteCount)
                    blocks[last].byteCount += byteCount
                    return reference
                }
                blocks.append(Block(byteCount: byteCount, mappedWeight: nil))
                return Self.reference(type, block: blocks.count - 1, byteOffset: 0)
            })
    }

    /// A tensor inside its page. A page in several pieces is one tensor's own, so the tensor has
    /// the page's pieces.
    private static func part(
        _ tensor: PersistentTensor, of page: Placement, at elementOffset: Int, _ limits: MemoryLimits
    ) throws(GraphError) -> Placement {
        if page.pieces.count == 1, let whole = page.pieces.first {
            guard elementOffset >= 0, elementOffset + tensor.type.elementCount <= whole.rows * whole.columns else {
                throw .undefinedValue(tensor.key)
            }
            return Placement([
                reference(tensor.type, block: whole.block, byteOffset: whole.byteOffset + elementOffset * tensor.type.elementType.byteCount)
            ])
        }
        guard elementOffset == 0, page.rows == tensor.type.rows, page.pieces.first?.columns == tensor.type.columns else {
            throw .tensorTooLarge(
                name: tensor.page?.key ?? tensor.key, byteCount: page.pieces.reduce(0) { $0 + $1.type.byteCount },
                limit: min(limits.maximumTensorBytes, limits.maximumBlockBytes), operation: "a page of tensors that are trained together")
        }
        return page
    }
}

/// Cutting a tensor by rows so that every piece fits the device.
enum RowSplit {
    static func aligned(_ byteCount: Int, _ alignment: Int) -> Int { (byteCount + alignment - 1) / alignment * alignment }

    /// The number of rows in each piece: all but the last as many as fit, in multiples of 64 where
    /// that many fit.
    static func pieces(of type: TensorType, named name: String, limits: MemoryLimits) throws(GraphError) -> [Int] {
        let limit = min(limits.maximumTensorBytes, limits.maximumBlockBytes)
        if aligned(type.byteCount, limits.alignment) <= limit { return [type.rows] }
        let rowBytes = type.columns * type.elementType.byteCount
        var rows = (limit - limits.alignment) / max(1, rowBytes)
        if rows > 64 { rows -= rows % 64 }
        guard rows > 0 else { throw .tensorTooLarge(name: name, byteCount: type.byteCount, limit: limit, operation: "a single row") }
        var pieces = Array(repeating: rows, count: type.rows / rows)
        if type.rows % rows > 0 { pieces.append(type.rows % rows) }
        return pieces
    }
}
