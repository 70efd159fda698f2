using System.Reflection;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

// `--test` runs every benchmark once, in this process. It shows that they work and measures nothing.
const string Test = "--test";

var switcher = BenchmarkSwitcher.FromAssembly(Assembly.GetExecutingAssembly());
var summaries = args.Contains(Test)
    ? switcher.Run(
        [.. args.Where(arg => arg != Test), .. args.Contains("--filter") ? (string[])[] : ["--filter", "*"]],
        DefaultConfig.Instance.AddJob(Job.Dry.WithToolchain(InProcessEmitToolchain.Instance)))
    : switcher.Run(args);

var reports = summaries.SelectMany(summary => summary.Reports).ToList();
return reports.Count > 0 && reports.TrueForAll(report => report.Success) ? 0 : 1;
