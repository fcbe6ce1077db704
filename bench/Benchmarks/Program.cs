if (args is ["pull", .. var rest])
    return await LlmService.Benchmarks.PullBenchmark.RunAsync(rest);
BenchmarkDotNet.Running.BenchmarkSwitcher.FromAssembly(typeof(LlmService.Benchmarks.PullBenchmark).Assembly).Run(args);
return 0;
