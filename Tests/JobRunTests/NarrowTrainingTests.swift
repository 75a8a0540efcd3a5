import JSON
import TestSupport
import Testing

/// Training in bfloat16 beside training in float32, through whole jobs.
@Suite(.serialized) struct NarrowTrainingTests {
    @Test func fiftyStepsInBfloat16EndWithinOnePerCentOfTheLossInFloat32() throws {
        let settings: [String: JSONNode] = [
            "shuffle": true, "schedule": ["type": "cosine", "warmup_steps": 5],
            "method": [
                "type": "supervised", "supervised": ["hyperparameters": ["max_steps": 50, "batch_size": 16, "learning_rate": 2e-3]],
            ],
        ]
        let wide = try QuantizedBaseTests.losses(settings.merging(["precision": "float32"]) { $1 })
        let narrow = try QuantizedBaseTests.losses(settings.merging(["precision": "bfloat16"]) { $1 })
        #expect(abs(narrow.validation - wide.validation) <= 0.01 * wide.validation, "\(narrow), float32: \(wide)")
        #expect(abs(narrow.training - wide.training) <= 0.01 * wide.training, "\(narrow), float32: \(wide)")
        #expect(narrow.training != wide.training)
    }
}
