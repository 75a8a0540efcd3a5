/// The shape of a group of Shaders/matrix_product.comp.
struct ProductVariant: Hashable, Sendable, Comparable {
    /// Invocations of a group over rows and over columns.
    var rowLanes: Int
    var lanes: Int
    /// Rows and columns of the result that an invocation computes.
    var own: Int
    var met: Int
    /// Of the inner size, staged in shared memory at a time; 0 stages nothing.
    var slice: Int
    /// Of the inner size, read at a time where nothing is staged.
    var depth: Int

    var blockRows: Int { rowLanes * own }
    var blockColumns: Int { lanes * met }
    var invocations: Int { rowLanes * lanes }

    /// Bytes of shared memory of a group, as the shader declares it.
    var sharedBytes: Int { slice == 0 ? 0 : slice * (blockRows + blockColumns + 8) * 4 }

    /// Whether a device can run it.
    func fits(_ device: DeviceProfile) -> Bool {
        [rowLanes, lanes, own, met, depth].allSatisfy { (1...256).contains($0) } && (0...64).contains(slice)
            && invocations <= device.maximumGroupInvocations && sharedBytes <= device.sharedMemoryBytes && own * met <= 128
            && (depth == 1 || slice == 0) && depth * (own + met) <= 128
    }

    var definitions: [String: Int] {
        var definitions = ["ROW_LANES": rowLanes, "LANES": lanes, "OWN": own, "MET": met]
        definitions[slice > 0 ? "SLICE" : "DEPTH"] = slice > 0 ? slice : depth
        return definitions
    }

    static func < (left: ProductVariant, right: ProductVariant) -> Bool { left.numbers.lexicographicallyPrecedes(right.numbers) }
    private var numbers: [Int] { [rowLanes, lanes, own, met, slice, depth] }
}

extension ProductVariant: CustomStringConvertible {
    /// `8x2 by 1x8`: rows and columns of an invocation by lanes; `staged 16` or `depth 4` behind it.
    var description: String { "\(own)x\(met) by \(rowLanes)x\(lanes), " + (slice > 0 ? "staged \(slice)" : "depth \(depth)") }

    /// Reads what ``description`` gives; nil if it is anything else.
    init?(_ text: String) {
        let words = text.split(whereSeparator: { " x,".contains($0) }).map(String.init)
        guard words.count == 7, words[2] == "by", let own = Int(words[0]), let met = Int(words[1]), let rowLanes = Int(words[3]),
            let lanes = Int(words[4]), let last = Int(words[6]), ["staged", "depth"].contains(words[5])
        else { return nil }
        self.init(
            rowLanes: rowLanes, lanes: lanes, own: own, met: met, slice: words[5] == "staged" ? last : 0,
            depth: words[5] == "depth" ? last : 1)
    }
}

extension ProductVariant {
    /// What is taken where nothing has been measured.
    init(unmeasured rows: Int, _ columns: Int, _ device: DeviceProfile) {
        guard device.isProcessor else {
            self.init(rowLanes: min(16, device.maximumGroupInvocations / 16), lanes: 16, own: 4, met: 4, slice: 16, depth: 1)
            return
        }
        let (own, met) = (Self.side(rows, 8), Self.side(columns, 8))
        let lanes = Self.side((columns + met - 1) / met, device.subgroupSize)
        self.init(rowLanes: max(1, device.subgroupSize / lanes), lanes: lanes, own: own, met: met, slice: 0, depth: 1)
    }

    /// A power of two up to `largest` for a side of this length: no more than the length needs.
    private static func side(_ length: Int, _ largest: Int) -> Int {
        var side = 1
        while side < largest, side < length { side *= 2 }
        return side
    }

    /// Where a search begins: groups without and with shared memory, small and large.
    static func seeds(_ device: DeviceProfile) -> [ProductVariant] {
        let lanes = max(4, min(32, device.subgroupSize))
        return [
            ProductVariant(rowLanes: 1, lanes: lanes, own: 8, met: 2, slice: 0, depth: 1),
            ProductVariant(rowLanes: 1, lanes: lanes, own: 8, met: 4, slice: 0, depth: 2),
            ProductVariant(rowLanes: 8, lanes: 8, own: 4, met: 4, slice: 16, depth: 1),
            ProductVariant(rowLanes: 16, lanes: 16, own: 8, met: 8, slice: 8, depth: 1),
            ProductVariant(rowLanes: 16, lanes: 16, own: 4, met: 4, slice: 16, depth: 1),
        ].filter { $0.fits(device) }
    }

    /// Variants that differ in one thing.
    func neighbours(_ device: DeviceProfile) -> [ProductVariant] {
        var found: [ProductVariant] = []
        func add(_ change: (inout ProductVariant) -> Void) {
            var variant = self
            change(&variant)
            if variant.fits(device), variant != self { found.append(variant) }
        }
        let sides: [WritableKeyPath<ProductVariant, Int>] = [\.own, \.met, \.lanes, \.rowLanes]
        for side in sides {
            add { $0[keyPath: side] *= 2 }
            add { $0[keyPath: side] /= 2 }
        }
        // The same number of invocations or results in another shape.
        for (longer, shorter) in [(\ProductVariant.own, \ProductVariant.met), (\.met, \.own), (\.lanes, \.rowLanes), (\.rowLanes, \.lanes)] {
            add {
                $0[keyPath: longer] *= 2
                $0[keyPath: shorter] /= 2
            }
        }
        if slice > 0 {
            add { $0.slice *= 2 }
            if slice > 4 { add { $0.slice /= 2 } }
        } else {
            add { $0.depth *= 2 }
            add { $0.depth /= 2 }
        }
        return found
    }
}
