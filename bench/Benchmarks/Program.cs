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
BenchmarkDotNet.Running.BenchmarkSwitcher.FromAssembly(typeof(LlmService.Benchmarks.PullBenchmark).Assembly).Run(args);
return 0;
