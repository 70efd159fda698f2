using System.Diagnostics;
using System.Reflection;
using System.Runtime.Loader;
using Xunit;
using Xunit.Runner.Common;
using Xunit.Sdk;
using Xunit.v3;

namespace Mutants;

/// <summary>Runs test classes of the instrumented tests in this process, one class at a time, and sets the active mutant.</summary>
internal sealed class TestHost
{
    private readonly XunitTestFrameworkExecutor _executor;
    private readonly Dictionary<string, List<IXunitTestCase>> _classes;
    private readonly FieldInfo _active;
    private readonly bool[] _reached;

    private TestHost(XunitTestFrameworkExecutor executor, Dictionary<string, List<IXunitTestCase>> classes, Type mutantSwitch)
    {
        _executor = executor;
        _classes = classes;
        _active = mutantSwitch.GetField("Active")!;
        _reached = (bool[])mutantSwitch.GetField("Reached")!.GetValue(null)!;
    }

    /// <summary>The names of the classes.</summary>
    public IReadOnlyCollection<string> Classes => _classes.Keys;

    /// <summary>Finds the test classes whose full names begin with one of the prefixes.</summary>
    public static async Task<TestHost> StartAsync(Workspace workspace, IReadOnlyList<string> prefixes)
    {
        var assembly = AssemblyLoadContext.Default.LoadFromAssemblyPath(Path.Combine(workspace.TestFolder, "Gateway.Tests.dll"));
        var mutantSwitch = Assembly.Load("Gateway.Transforms").GetType("MutantSwitch.M", throwOnError: true)!;
        TestContext.SetForInitialization(null, false, false);
        var types = assembly.GetTypes()
            .Where(type => !type.IsAbstract && prefixes.Any(prefix => type.FullName!.StartsWith(prefix, StringComparison.Ordinal)))
            .ToArray();
        var tests = new XunitTestAssembly(assembly, null, null, null, null, null, null);
        var discovery = TestFrameworkOptions.ForDiscovery(new TestAssemblyConfiguration { PreEnumerateTheories = false });
        var classes = new Dictionary<string, List<IXunitTestCase>>();
        await using var discoverer = new XunitTestFrameworkDiscoverer(tests, null);
        await discoverer.Find(
            testCase =>
            {
                if (testCase is IXunitTestCase found)
                {
                    (classes.TryGetValue(found.TestClassName, out var list) ? list : classes[found.TestClassName] = []).Add(found);
                }

                return new ValueTask<bool>(true);
            },
            discovery,
            types,
            CancellationToken.None);
        return new TestHost(new XunitTestFrameworkExecutor(tests), classes, mutantSwitch);
    }

    /// <summary>Sets the active mutant; 0 for none.</summary>
    public void Activate(int id) => _active.SetValue(null, id);

    /// <summary>Forgets the mutants that were reached.</summary>
    public void ClearReached() => Array.Clear(_reached);

    /// <summary>The mutants that were reached.</summary>
    public int[] Reached() => [.. Enumerable.Range(0, _reached.Length).Where(id => _reached[id])];

    /// <summary>Runs a class until a test fails. Throws <see cref="TimeoutException"/> beyond the limit.</summary>
    public Task<(string? Failed, long Milliseconds)> RunClassAsync(string name, TimeSpan limit) => RunAsync(_classes[name], limit);

    /// <summary>Runs the one test of a class that failed.</summary>
    public Task<(string? Failed, long Milliseconds)> RunTestAsync(string name, string test, TimeSpan limit) =>
        RunAsync([.. _classes[name].Where(testCase => test.StartsWith(testCase.TestCaseDisplayName, StringComparison.Ordinal))], limit);

    private async Task<(string? Failed, long Milliseconds)> RunAsync(List<IXunitTestCase> cases, TimeSpan limit)
    {
        var sink = new FailureSink();
        var options = TestFrameworkOptions.ForExecution(new TestAssemblyConfiguration { StopOnFail = true, ParallelMode = ParallelMode.None });
        var start = Stopwatch.GetTimestamp();
        await Task.Run(RunAsync).WaitAsync(limit);
        return (sink.Failed, (long)Stopwatch.GetElapsedTime(start).TotalMilliseconds);

        async Task RunAsync()
        {
            // The context belongs to the asynchronous flow of a run.
            TestContext.SetForInitialization(null, false, false);
            await _executor.RunTestCases(cases, sink, options, CancellationToken.None);
        }
    }

    /// <summary>Keeps the first failure.</summary>
    private sealed class FailureSink : IMessageSink
    {
        private readonly Dictionary<string, string> _names = [];

        public string? Failed { get; private set; }

        public bool OnMessage(IMessageSinkMessage message)
        {
            switch (message)
            {
                case ITestCaseStarting starting:
                    _names[starting.TestCaseUniqueID] = starting.TestCaseDisplayName;
                    break;
                case ITestFailed failed:
                    Failed ??= _names.GetValueOrDefault(failed.TestCaseUniqueID, "?");
                    break;
                case IErrorMetadata:
                    Failed ??= message.GetType().Name;
                    break;
            }

            return true;
        }
    }
}
