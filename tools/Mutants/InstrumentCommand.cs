using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Mutants;

/// <summary>Instruments the folders of a copy and builds it. Mutants that do not compile are excluded, and the build is repeated.</summary>
internal static partial class InstrumentCommand
{
    private const int MostBuilds = 12;

    public static int Run(Workspace workspace, IReadOnlyList<string> folders)
    {
        var files = folders.SelectMany(folder => FilesOf(workspace, folder)).ToList();
        var excluded = workspace.Read<HashSet<int>>("excluded.json") ?? [];
        for (var build = 1; build <= MostBuilds; build++)
        {
            var mutants = Instrument(workspace, files, excluded);
            Console.WriteLine($"Build {build}: {mutants.Count} mutants, {excluded.Count} excluded.");
            var errors = Build(workspace, "Gateway");
            if (errors.Count == 0)
            {
                workspace.Write("mutants.json", mutants.Where(mutant => !excluded.Contains(mutant.Id)));
                errors = Build(workspace, "Gateway.Tests");
                errors.ForEach(Console.WriteLine);
                return errors.Count == 0 ? 0 : 1;
            }

            File.WriteAllLines(workspace.State($"errors{build}.txt"), errors);
            var before = excluded.Count;
            foreach (var error in errors)
            {
                excluded.UnionWith(Blame(workspace, error));
            }

            workspace.Write("excluded.json", excluded);
            if (excluded.Count == before)
            {
                errors.ForEach(Console.WriteLine);
                return 1;
            }
        }

        return 1;
    }

    private static IEnumerable<string> FilesOf(Workspace workspace, string folder) =>
        Directory.GetFiles(Path.Combine(workspace.Root, folder), "*.cs", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(workspace.Root, file))
            .Where(static file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal)
                && !file.EndsWith("/MutantSwitch.cs", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);

    private static List<Mutant> Instrument(Workspace workspace, List<string> files, HashSet<int> excluded)
    {
        var mutants = new List<Mutant>();
        foreach (var file in files)
        {
            var path = Path.Combine(workspace.Root, file);
            var original = workspace.State("original/" + file);
            if (!File.Exists(original))
            {
                File.Copy(path, original);
            }

            File.WriteAllText(path, Mutator.Instrument(file, File.ReadAllText(original), excluded, mutants));
        }

        File.WriteAllText(Path.Combine(workspace.Root, "Gateway.Transforms", "MutantSwitch.cs"), MutantSwitch.Source(mutants.Count));
        return mutants;
    }

    private static List<string> Build(Workspace workspace, string project)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet")
        {
            ArgumentList =
            {
                "build", project, "--nologo", "-v:q", "-clp:ErrorsOnly;NoSummary", "-p:RunAnalyzers=false", "-p:TreatWarningsAsErrors=false",
                "-p:EnforceCodeStyleInBuild=false",
            },
            WorkingDirectory = workspace.Root,
            RedirectStandardOutput = true,
        })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        var errors = output.Split('\n').Where(static line => line.Contains(": error ", StringComparison.Ordinal)).Distinct().ToList();
        return process.ExitCode == 0 ? [] : errors.Count > 0 ? errors : [output];
    }

    // The innermost mutant around the place of an error. For a variable or a path that is not assigned, the removed statements of the member.
    private static IEnumerable<int> Blame(Workspace workspace, string error)
    {
        if (ErrorPlace().Match(error) is not { Success: true } match || !File.Exists(match.Groups["file"].Value))
        {
            return [];
        }

        var text = File.ReadAllText(match.Groups["file"].Value);
        var tree = CSharpSyntaxTree.ParseText(text);
        var line = tree.GetText().Lines[int.Parse(match.Groups["line"].Value, CultureInfo.InvariantCulture) - 1];
        var position = Math.Min(line.Start + int.Parse(match.Groups["column"].Value, CultureInfo.InvariantCulture) - 1, text.Length - 1);
        var nodes = tree.GetRoot().FindToken(position).Parent!.AncestorsAndSelf().ToList();
        var member = nodes.First(static node => node is MemberDeclarationSyntax or LocalFunctionStatementSyntax or CompilationUnitSyntax);
        if (FlowError().Match(error) is { Success: true } flow)
        {
            var removals = member.DescendantNodes().OfType<IfStatementSyntax>()
                .Where(static choice => choice.Condition is PrefixUnaryExpressionSyntax && IsSwitch(choice.Condition))
                .ToList();
            var name = flow.Groups["name"].Value;
            var assignments = removals.Where(choice => name.Length > 0 && choice.Statement.ToString().Contains(name, StringComparison.Ordinal)).ToList();
            if (removals.Count > 0)
            {
                return (assignments.Count > 0 ? assignments : removals).SelectMany(static choice => Ids(choice.Condition.ToString()));
            }
        }

        foreach (var node in nodes)
        {
            var condition = node switch
            {
                ConditionalExpressionSyntax choice => choice.Condition,
                IfStatementSyntax choice => choice.Condition,
                BinaryExpressionSyntax flip when IsSwitch(flip.Left) => flip.Left,
                _ => null,
            };
            if (condition is not null && IsSwitch(condition))
            {
                return Ids(condition.ToString());
            }
        }

        return Ids(member.ToString());
    }

    // The condition of a choice: the test of the switch alone, or negated.
    private static bool IsSwitch(ExpressionSyntax condition) =>
        (condition is PrefixUnaryExpressionSyntax { Operand: var operand } ? operand : condition) is InvocationExpressionSyntax test
        && test.Expression.ToString() == "global::MutantSwitch.M.Is";

    private static int[] Ids(string text) =>
        [.. SwitchTest().Matches(text).Select(static match => int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture))];

    [GeneratedRegex(@"^\s*(?<file>[^(]+)\((?<line>\d+),(?<column>\d+)\): error ")]
    private static partial Regex ErrorPlace();

    [GeneratedRegex(@": error CS(0165|0177|0269|0170|0161|0163|8070|0171): ([^']*'(?<name>\w+)')?")]
    private static partial Regex FlowError();

    [GeneratedRegex(@"MutantSwitch\.M\.Is\((\d+)\)")]
    private static partial Regex SwitchTest();
}
