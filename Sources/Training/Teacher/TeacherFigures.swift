import Graph
import Runtime

/// What a teacher takes beside the model that is trained, for one size of micro-batch.
struct TeacherFigures {
    /// Its weights, those that stay in their mapped files included, its arena and what it exchanges
    /// with the host.
    var byteCount: Int
    var workspaceByteCount: Int
    /// Arithmetic of a micro-batch: forward alone.
    var floatingPointOperations: Double
    var kernelCalls: Int

    init(_ teacher: TeacherModel, _ size: ProgramSize, on device: any ComputeDevice) throws {
        let layout = try teacher.layout(on: device)
        let plan = try teacher.plan(size, on: device)
        byteCount =
            layout.allocatedByteCount + layout.mappedByteCount + ProgramMemory.arenaBlocks(of: [plan]).reduce(0, +) + plan.exchangeByteCount
        workspaceByteCount = try device.workspaceByteCount(plan, layout: layout)
        floatingPointOperations = plan.cost.floatingPointOperations
        kernelCalls = plan.calls.count
    }
}

extension TeacherFigures {
    /// What has been found out about one teacher, by the size of micro-batch.
    final class Cache {
        private var known: [ProgramSize: TeacherFigures] = [:]

        func figures(_ teacher: TeacherModel, _ size: ProgramSize, on device: any ComputeDevice) throws -> TeacherFigures {
            if let found = known[size] { return found }
            let figures = try TeacherFigures(teacher, size, on: device)
            known[size] = figures
            return figures
        }
    }
}
