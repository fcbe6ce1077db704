if (args is ["pull", .. var rest])
    return await LlmService.Benchmarks.PullBenchmark.RunAsync(rest);
if (args is ["fuzz-templates", .. var folder])
    return LlmService.Benchmarks.TemplateFuzz.Run(folder);
if (args is ["tokenizers", .. var families])
    return LlmService.Benchmarks.TokenizerComparison.Run(families);
if (args is ["tokenizer-scaling", .. var scaling])
    return LlmService.Benchmarks.TokenizerScaling.Run(scaling);
if (args is ["tokenizer-fuzz", .. var fuzz])
    return LlmService.Benchmarks.TokenizerFuzz.Run(fuzz);
if (args is ["weights-fuzz", .. var weights])
    return LlmService.Benchmarks.WeightFuzz.Run(weights);
if (args is ["kernels", .. var kernels])
    return LlmService.Benchmarks.KernelSpeed.Run(kernels);
if (args is ["shape", .. var shape])
    return LlmService.Benchmarks.Shapes.ShapeModels.Run(shape);
if (args is ["compare", .. var compare])
    return LlmService.Benchmarks.Comparison.EngineComparison.Run(compare);
if (args is ["quality", .. var quality])
    return LlmService.Benchmarks.Quality.QualityReport.Run(quality);
if (args is ["load", .. var load])
    return await LlmService.Benchmarks.Load.LoadGenerator.RunAsync(load);
if (args is ["own-engine"])
    return await LlmService.Benchmarks.Comparison.OwnEngine.RunAsync();
if (args is ["engine", _, ..])
    return await LlmService.Benchmarks.EngineSpeed.RunAsync(args[1..]);
BenchmarkDotNet.Running.BenchmarkSwitcher.FromAssembly(typeof(LlmService.Benchmarks.PullBenchmark).Assembly).Run(args);
return 0;
