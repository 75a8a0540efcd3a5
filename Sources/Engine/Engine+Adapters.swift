import Models
import Runtime

extension Engine {
    /// Loads a PEFT adapter into a free place.
    /// - Returns: the place, which requests name.
    /// - Throws: ``ModelError`` for a folder that is no adapter of this model,
    ///   ``EngineError/adapterTooLarge(_:)``, ``EngineError/adapterBeyondMatrices(_:)``, and what
    ///   the device throws.
    package func loadAdapter(_ folder: String) throws -> Int {
        guard let room = engineModel.shape.adapters else {
            throw EngineError.adapterTooLarge("the engine was started without room for adapters")
        }
        guard let place = (0..<room.count).first(where: { adapters[$0] == nil }) else {
            throw EngineError.adapterTooLarge("all \(room.count) places for adapters are taken")
        }
        let linears = model.linearModules
        let adapter = try AdapterFolder(folder)
        let settings = try adapter.settings(on: linears)
        let modules = try settings.modules(on: linears)
        if let words = settings.whyNotByRow(modules) {
            throw EngineError.adapterBeyondMatrices("\(folder) has \(words)")
        }
        if let module = modules.first(where: { $0.rank > room.rank }) {
            throw EngineError.adapterTooLarge("\(folder) has rank \(module.rank), the engine has room for \(room.rank)")
        }
        let numbers = Dictionary(try adapter.numbers(for: modules, on: linears).map { ($0.key, $0.numbers) }) { first, _ in first }
        let byName = Dictionary(modules.map { ($0.module.name, $0) }) { first, _ in first }
        for linear in linears where room.modules.contains(linear.name) {
            var a = [Float](repeating: 0, count: room.rank * linear.inputs)
            var b = [Float](repeating: 0, count: linear.outputs * room.rank)
            if let module = byName[linear.name], let storedA = numbers[module.keyOfA], let storedB = numbers[module.keyOfB] {
                a.replaceSubrange(0..<storedA.count, with: storedA)
                let scale = Float(module.scale)
                for row in 0..<linear.outputs {
                    for column in 0..<module.rank { b[row * room.rank + column] = scale * storedB[row * module.rank + column] }
                }
            }
            let memory = engineModel.loaded.memory
            try model.write(a, toRowsFrom: place * room.rank, of: GenerationShape.Adapters.keyOfA(linear.name), memory)
            try model.write(b, toRowsFrom: place * linear.outputs, of: GenerationShape.Adapters.keyOfB(linear.name), memory)
        }
        pool.forget(scopesWithPrefix: "\(place)/")
        adapters[place] = folder
        return place
    }

    /// Frees an adapter's place.
    /// - Throws: ``EngineError/adapterInUse(_:)`` while requests use it.
    package func unloadAdapter(_ place: Int) throws(EngineError) {
        guard adapters[place] != nil else { throw .noSuchAdapter(place) }
        guard !(waiting + running).contains(where: { $0.request.adapter == place }),
            !embeddings.contains(where: { $0.request.adapter == place })
        else { throw .adapterInUse(place) }
        adapters[place] = nil
        pool.forget(scopesWithPrefix: "\(place)/")
    }
}
