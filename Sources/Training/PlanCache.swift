import Graph
import Models

/// The plans of the choice that was looked at last: planner and session ask for the same ones.
package final class PlanCache {
    enum Program: Hashable { case gradients, evaluation, update }
    private struct Key: Hashable {
        var program: Program
        var size: ProgramSize
    }
    private var owner: (model: ObjectIdentifier, choice: JobPlan.Choice)?
    private var plans: [Key: Plan] = [:]

    package init() {}

    /// The plan of a program, made if it is not there.
    /// - Parameter choice: what the programs were made for.
    func plan(_ program: Program, _ programs: Programs, _ choice: JobPlan.Choice, _ size: ProgramSize, _ planner: Planner) throws -> Plan {
        let asked = (model: ObjectIdentifier(programs.model), choice: choice)
        if owner.map({ $0 != asked }) ?? true { (owner, plans) = (asked, [:]) }
        let key = Key(program: program, size: size)
        if let known = plans[key] { return known }
        let graph =
            switch program {
            case .gradients: try programs.gradients(size)
            case .evaluation: try programs.evaluation(size)
            case .update: try programs.update()
            }
        let plan = try planner.plan(graph)
        plans[key] = plan
        return plan
    }

    func removeAll() { (owner, plans) = (nil, [:]) }
}
