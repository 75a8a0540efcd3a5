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

    /// Where a search begins: groups without and with shared memory, small and large, and with the
    /// device's matrices.
    static func seeds(_ device: DeviceProfile) -> [ProductVariant] {
        let lanes = max(4, min(32, device.subgroupSize))
        return [
            ProductVariant(rowLanes: 1, lanes: lanes, own: 8, met: 2, slice: 0, depth: 1),
            ProductVariant(rowLanes: 1, lanes: lanes, own: 8, met: 4, slice: 0, depth: 2),
            ProductVariant(rowLanes: 1, lanes: lanes, own: 16, met: 8, slice: 0, depth: 2),
            ProductVariant(rowLanes: 8, lanes: 8, own: 4, met: 4, slice: 16, depth: 1),
            ProductVariant(rowLanes: 16, lanes: 16, own: 8, met: 8, slice: 8, depth: 1),
            ProductVariant(rowLanes: 16, lanes: 16, own: 4, met: 4, slice: 16, depth: 1),
        ].filter { $0.fits(device) } + matrixSeeds(device)
    }

    /// Two sizes of groups for each of the first few shapes of matrices.
    private static func matrixSeeds(_ device: DeviceProfile) -> [ProductVariant] {
        device.matrixShapes.prefix(3).flatMap { shape in
            let slice = max(shape.inner, 32 / shape.inner * shape.inner)
            return [(2, 2), (1, 2)].map { lanes, tiles in
                ProductVariant(
                    rowLanes: lanes, lanes: lanes, own: tiles, met: tiles, slice: slice, depth: 1, matrix: shape,
                    subgroup: device.matrixSubgroupSize)
            }
        }.filter { $0.fits(device) }
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
        // A larger or smaller block on both sides: either alone may be slower where both together
        // are faster.
        add {
            $0.own *= 2
            $0.met *= 2
        }
        add {
            $0.own /= 2
            $0.met /= 2
        }
        // The same number of invocations or results in another shape.
        for (longer, shorter) in [(\ProductVariant.own, \ProductVariant.met), (\.met, \.own), (\.lanes, \.rowLanes), (\.rowLanes, \.lanes)]
        {
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
