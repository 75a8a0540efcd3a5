import Foundation
import JSON
import Manifest
import Testing

@Suite struct ManifestTests {
    static func read(_ text: String, yaml: Bool = true) throws -> Manifest { try Manifest(ManifestText(Array(text.utf8), isYAML: yaml)) }

    static func failure(_ text: String, yaml: Bool = true) -> ManifestError? {
        do {
            _ = try read(text, yaml: yaml)
            return nil
        } catch { return error as? ManifestError }
    }
    static let least = "model: m\ntraining_file: t.jsonl\n"

    @Test func theDefaultsAreTheDocumentedOnes() throws {
        let manifest = try Self.read(Self.least)
        #expect(manifest.adapter == .lora(Manifest.LoRA()))
        let lora = try #require(manifest.adapter.lora)
        #expect(lora.rank == 16 && lora.alpha == 32 && lora.targets == .allLinear)
        #expect(manifest.hyperparameters == Manifest.Hyperparameters() && manifest.hyperparameters.epochCount == .auto)
        #expect(
            manifest.optimizer.numbers["weight_decay"] == 0.01 && manifest.optimizer.weightDecayOn == .matrices
                && manifest.maximumLength == 2048)
        #expect(manifest.trainOn == .assistant && manifest.onExcess == .error && manifest.seed == 42)
    }

    @Test func whatIsWrittenReadsAsTheSameManifest() throws {
        let text = """
            model: phi
            training_file: a.jsonl
            validation_split: 0.1
            suffix: support
            metadata: {team: help}
            seed: 7
            method: {type: supervised, supervised: {hyperparameters: {n_epochs: 3, batch_size: 8, learning_rate: 2.0e-4}}}
            adapter: {type: lora, rank: 8, alpha: 16, dropout: 0.1, target_modules: [q_proj, v_proj]}
            schedule: {type: linear, warmup_steps: 10}
            checkpoint: {every_steps: 50, keep: 2}
            memory_limit: 2GiB
            profile: true
            """
        let manifest = try Self.read(text)
        #expect(manifest.isProfiled && manifest.memoryLimit == 2 << 30 && manifest.adapter.lora?.targets == .names(["q_proj", "v_proj"]))
        let again = try Self.read(JSONWriter().string(manifest.json), yaml: false)
        #expect(again == manifest)
    }

    @Test(arguments: [
        ("num_train_epochs: 3\n", "n_epochs"), ("lerning_rate: 1\n", "learning_rate"), ("lora_r: 8\n", "adapter.rank"),
        ("shufle: true\n", "shuffle"),
        ("base_model: x\n", "model"),
    ])
    func anUnknownKeyNamesTheOneThatWasMeant(line: String, meant: String) {
        let error = Self.failure(Self.least + line)
        #expect(error?.code == "unknown_key" && error?.position?.line == 3)
        #expect(error?.message.contains("did you mean \(meant)") ?? false || meant == "learning_rate", "\(error?.message ?? "")")
    }

    @Test(
        arguments: [
            ("validation_split: 1.5", "validation_split"), ("validation_split: no", "validation_split"), ("seed: -1", "seed"),
            ("seed: 1.5", "seed"),
            ("device: gpu", "device"), ("precision: fp8", "precision"), ("max_length: 1", "max_length"),
            ("adapter: {rank: 0}", "adapter.rank"),
            ("adapter: {type: full, rank: 8}", "adapter.rank"), ("method: {type: reinforcement}", "method.type"), ("suffix: a/b", "suffix"),
            ("memory_limit: lots", "memory_limit"), ("profile: 1", "profile"),
            ("optimizer: {beta1: 1.0}", "optimizer.beta1"), ("optimizer: {type: sgd, beta1: 0.9}", "optimizer.beta1"),
            ("evaluation: {grade_checkpoints: true}", "evaluation.grade_checkpoints"),
            ("evaluation: {graders: [{type: string_check, operation: eq, metric: x}]}", "evaluation.graders"),
            ("evaluation: {grade_checkpoints: true, graders: [{type: json, name: a b}]}", "evaluation.graders"),
            ("train_on: user", "train_on"), ("shuffle: yes", "shuffle"), ("model: 5", nil),
            ("validation_split: 0.1\nvalidation_file: v.jsonl", "validation_split"), ("metadata: [1]", "metadata"),
            ("adapter: {target_modules: []}", "adapter.target_modules"),
            ("adapter: {exclude_modules: all-linear}", "adapter.exclude_modules"),
            ("adapter: {rank_pattern: {q_proj: 0}}", "adapter.rank_pattern"), ("adapter: {alpha_pattern: [1]}", "adapter.alpha_pattern"),
            ("adapter: {init_lora_weights: pissa_niter_0}", "adapter.init_lora_weights"),
            ("adapter: {init_lora_weights: false}", "adapter.init_lora_weights"),
            ("adapter: {init_lora_weights: pissa, use_dora: true}", "adapter.use_dora"),
            ("adapter: {init_lora_weights: olora, alpha: 0}", "adapter.alpha"),
            ("adapter: {init_from: a, init_lora_weights: olora}", "adapter.init_lora_weights"),
            ("adapter: {layers_to_transform: []}", "adapter.layers_to_transform"),
            ("adapter: {target_modules: '.*q_proj', layers_to_transform: 1}", "adapter.layers_to_transform"),
            ("method: {supervised: {hyperparameters: {n_epochs: 1, max_steps: 2}}}", "method.supervised.hyperparameters.max_steps"),
            ("method: {type: dpo, dpo: {hyperparameters: {beta: 0}}}", "method.dpo.hyperparameters.beta"),
            ("method: {type: dpo, dpo: {hyperparameters: {loss: hinge}}}", "method.dpo.hyperparameters.loss"),
            ("method: {type: dpo, dpo: {hyperparameters: {gamma: 1}}}", "method.dpo.hyperparameters.gamma"),
            ("method: {type: dpo, dpo: {hyperparameters: {loss: kto, sft_weight: 1}}}", "method.dpo.hyperparameters.sft_weight"),
            (
                "method: {type: dpo, dpo: {hyperparameters: {loss: ipo, label_smoothing: 0.1}}}",
                "method.dpo.hyperparameters.label_smoothing"
            ),
            ("method: {type: dpo}\ntrain_on: all", "train_on"),
            ("method: {type: distillation}", "method.distillation.teacher"),
            ("method: {type: distillation, distillation: {alpha: 0.5}}", "method.distillation.teacher"),
            ("method: {type: distillation, distillation: {teacher: a, alpha: 1.5}}", "method.distillation.alpha"),
            ("method: {type: distillation, distillation: {teacher: a, temperature: 0}}", "method.distillation.temperature"),
            ("method: {type: distillation, distillation: {teacher: a, teacher_weights: q4}}", "method.distillation.teacher_weights"),
            ("method: {type: distillation, distillation: {teacher: a}}\nranks: 2", "ranks"),
            ("schedule: {power: 2}", "schedule.power"), ("schedule: {type: warmup_stable_decay}", "schedule.type"),
            ("schedule: {type: cosine_with_min_lr, min_lr: 1.0e-5, min_lr_rate: 0.1}", "schedule.min_lr_rate"),
            ("schedule: {warmup_steps: 3, warmup_ratio: 0.1}", "schedule.warmup_ratio"),
        ] as [(String, String?)])
    func aBadValueIsRefusedWithItsKeyAndPlace(line: String, param: String?) {
        let error = Self.failure(Self.least + line + "\n")
        #expect(error != nil)
        if let param { #expect(error?.param == param && error?.position != nil, "\(error?.description ?? "")") }
    }

    @Test func hostileTextIsRefusedWithoutACrash() {
        let texts = [
            "", "[]", "a: &x [1]\nb: *x\n", String(repeating: "[", count: 100_000), String(repeating: "- ", count: 100_000),
            String(repeating: "{a: ", count: 50_000),
            "model: \"\\ud800\"", "model: a\u{0}b", "\u{FEFF}", "model: m\nmodel: n\ntraining_file: t\n", "? [a]\n: b\n", "!!binary x",
            "model: m\ntraining_file: |\n",
            (0..<2000).map { String(repeating: " ", count: $0 % 300) + "a:\n" }.joined(),
        ]
        for text in texts { #expect(Self.failure(text) != nil, "\(text.prefix(40))") }
        for text in ["{", "{\"model\": 1e999}", "{\"model\":\"a\",\"model\":\"b\"}", "nul", String(repeating: "[", count: 100_000)] {
            #expect(Self.failure(text, yaml: false) != nil)
        }
        #expect(Self.failure(String(repeating: "a", count: 2 << 20)) != nil)
    }

    @Test func randomlyDamagedManifestsNeverCrash() throws {
        let good = Array((Self.least + "adapter: {type: lora, rank: 8}\nmetadata: {a: b}\nschedule:\n  type: cosine\n").utf8)
        var state: UInt64 = 3
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let marks = Array("{}[]:,-&*!|>'\"\n #%@`".utf8)
        var (taken, refused) = (0, 0)
        for _ in 0..<3000 {
            var bytes = good
            for _ in 0...random(4) {
                switch random(3) {
                case 0: bytes[random(bytes.count)] = UInt8(random(256))
                case 1: bytes.remove(at: random(bytes.count))
                default: bytes.insert(marks[random(marks.count)], at: random(bytes.count))
                }
            }
            for isYAML in [true, false] {
                if (try? Manifest(ManifestText(bytes, isYAML: isYAML))) == nil { refused += 1 } else { taken += 1 }
            }
        }
        // Damage that always shows, or never, would try little.
        #expect(taken > 30 && refused > 1000, "\(taken) taken, \(refused) refused")
    }

    @Test func theFormatOfFrozenWeightsIsReadAndIsForAdaptersAlone() throws {
        #expect(try Self.read(Self.least).baseWeights == .auto)
        #expect(try Self.read("{\"model\": \"m\", \"training_file\": \"t\", \"base_weights\": \"nf4\"}").baseWeights == .value(.nf4))
        for (manifest, words) in [
            ("{\"model\": \"m\", \"training_file\": \"t\", \"base_weights\": \"nf5\"}", "nf4"),
            ("{\"model\": \"m\", \"training_file\": \"t\", \"base_weights\": \"q8\", \"adapter\": {\"type\": \"full\"}}", "lora"),
            ("{\"model\": \"m\", \"training_file\": \"t\", \"load_in_4bit\": true}", "base_weights"),
        ] {
            #expect { try Self.read(manifest) } throws: { "\($0)".contains(words) }
        }
    }

    /// A checkpoint holds a digest of its job's canonical manifest: another spelling of the same
    /// would make it a stranger.
    @Test func theCanonicalManifestOfAnOlderJobIsWrittenAsItWas() throws {
        let spools = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("CrashTests/OlderSpools")
        let files = try #require(FileManager.default.enumerator(at: spools, includingPropertiesForKeys: nil)).compactMap { $0 as? URL }
            .filter { $0.lastPathComponent == "manifest.json" && $0.path.contains("/jobs/ftjob-") }
        #expect(!files.isEmpty)
        for file in files {
            let text = try String(contentsOf: file, encoding: .utf8)
            #expect(try JSONWriter(isIndented: true).string(Self.read(text, yaml: false).json) + "\n" == text, "\(file.path)")
        }
    }

    @Test func aKeyOfAnotherKindIsRefusedWithTheKind() {
        let error = Self.failure(Self.least + "adapter: {type: full, dropout: 0.1}\n")
        #expect(error?.param == "adapter.dropout" && error?.message.contains("type full") == true)
        let method = Self.failure(Self.least + "method: {type: pretrain, supervised: {hyperparameters: {n_epochs: 1}}}\n")
        #expect(method?.param == "method.supervised" && method?.message.contains("pretrain") == true)
    }

    @Test func baseWeightsMayBeAutoWhereNothingIsFrozen() throws {
        #expect(try Self.read(Self.least + "adapter: {type: full}\nbase_weights: auto\n").adapter == .full)
    }

    @Test(arguments: [
        ("n_epochs: 3", "n_epochs under method.supervised.hyperparameters"), ("rank: 3", "adapter.rank"), ("adapter: {rnk: 3}", "rank"),
        ("method: {type: pretrain}\nepochs: 3", "n_epochs under method.pretrain.hyperparameters"),
        ("warmup_ratio: 0.1", "schedule.warmup_ratio"),
        ("optimizer: {eps: 1.0e-8}", "epsilon"), ("betta1: 0.5", "optimizer.beta1"),
    ])
    func aKeyInTheWrongPlaceIsShownTheRightOne(line: String, meant: String) {
        let message = Self.failure(Self.least + line + "\n")?.message ?? ""
        #expect(message.hasSuffix("did you mean \(meant)?"), "\(message)")
    }

    /// Where an adapter's shape comes from a folder, only what the manifest says itself stands in
    /// the canonical one.
    @Test func anInitialAdapterLeavesTheShapeOpenThatTheManifestDoesNotState() throws {
        let manifest = try Self.read(Self.least + "adapter: {init_from: there, rank: 4}\n")
        #expect(manifest.adapter.lora?.inherited == Set(Manifest.LoRA.Inheritable.allCases).subtracting([.rank]))
        #expect(manifest.json["adapter"] == ["type": "lora", "rank": 4, "dropout": 0.0, "init_from": "there"])
        #expect(try Self.read(JSONWriter().string(manifest.json), yaml: false) == manifest)
    }
}
