import CPUBackend
import Graph
import Manifest
import Models
import Runtime
import Testing
import Training

@Suite struct SessionPlanTests {
    @Test func aSessionMakesNoPlanThatThePlannerHasMade() throws {
        let model = try SmallModel.make(SmallModel.adapted)
        let planner = MemoryPlanner(device: try CPUDevice(), optimizer: AdamWOptimizer(), byteLimit: nil)
        let plan = try planner.plan(model, .init(tokenCount: 64, recomputedLayers: 0, baseWeights: .stored))
        #expect(planner.planCount == 3)
        _ = try planner.gradientsPlan(model, plan)
        #expect(planner.planCount == 3)
        let session = try planner.makeSession(model, plan)
        #expect(session.planCount == 0)
        for isTraining in [true, false] {
            #expect(session.size(tokens: 64, trained: 64, isTraining: isTraining) == plan.size)
        }
        #expect(session.planCount == 0)
    }

    @Test func theSearchForAPlanMakesEachPlanOnce() throws {
        let model = try SmallModel.make(.full)
        let planner = MemoryPlanner(device: try CPUDevice(), optimizer: AdamWOptimizer(), byteLimit: nil)
        // Evaluation and update do not depend on the layers that the backward pass computes again.
        for layers in [0, 2, 1] {
            _ = try planner.plan(model, .init(tokenCount: 64, recomputedLayers: layers, baseWeights: .stored))
        }
        #expect(planner.planCount == 5)
    }
}
