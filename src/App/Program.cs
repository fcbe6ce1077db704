using LlmService.App;
using LlmService.App.Cli;

return await CommandLine.RunAsync(args, ProcessContext.Current());
