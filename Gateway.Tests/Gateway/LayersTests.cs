using System.Text.RegularExpressions;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway;

/// <summary>
/// Promise: dependencies between the program's folders point one way. <see cref="Folders"/> lists the folders from the bottom layer to the
/// top; the code of a folder may name only folders that stand before it: in a <c>using</c> line, in a qualified name, or as a type of an
/// enclosing namespace.
/// </summary>
public sealed partial class LayersTests
{
    private static readonly string[] Folders =
    [
        // Primitives.
        "Primitives", "Secrets", "Workers",

        // The domain.
        "Rules", "Billing", "Pricing", "Teams",

        // The settings' snapshot: its model, its reading, its watching.
        "Configuration.Tree", "Configuration.Model", "Configuration.Schema", "Configuration.Reading", "Configuration.ReverseProxy", "Configuration",

        // Stores.
        "Ledger", "Ledger.Sqlite", "Ledger.Postgres", "Limits", "OpenRouter", "Prices",

        // The path of a request.
        "Metering", "Routing", "Requests", "Errors", "Observability", "Alerts", "Browsers", "Authentication", "Admission", "Catalogue", "SelfService", "Attempts", "Upstream",

        // Beside the requests.
        "Settlement",

        // Front ends.
        "Reports", "Health", "Admin", "Hosting", "CommandLine",
    ];

    private static readonly Dictionary<string, HashSet<string>> Types = ReadTypes();

    private static string Program => Path.Combine(Repository.Root, "Gateway");

    public static TheoryData<string> EveryFolder => [.. Folders];

    [Fact]
    public void EveryFolder_HasItsLayer() => Assert.Equal(
        Folders.Order(StringComparer.Ordinal),
        Directory.EnumerateFiles(Program, "*.cs", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Program, Path.GetDirectoryName(file)!).Replace(Path.DirectorySeparatorChar, '.'))
            .Where(folder => folder is not "." and not "bin" and not "obj" && !folder.StartsWith("bin.", StringComparison.Ordinal)
                && !folder.StartsWith("obj.", StringComparison.Ordinal))
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(EveryFolder))]
    public void Folder_UsesOnlyFoldersBelowIt(string folder)
    {
        var back = Directory.EnumerateFiles(FolderPath(folder), "*.cs")
            .SelectMany(file => BackEdges(folder, File.ReadAllText(file)).Select(used => $"{Path.GetFileName(file)} -> {used}"));

        Assert.Empty(back);
    }

    [Theory]
    [InlineData("Ledger", "using Gateway.Limits;", "Limits")]
    [InlineData("Ledger", "using static Gateway.Limits.RateLimitHeaders;", "Limits.RateLimitHeaders")]
    [InlineData("Ledger", "using Gateway.Primitives;", null)]
    [InlineData("Ledger", "var store = new Limits.MemoryBudgetStore(seed, time);", "Limits.MemoryBudgetStore")]
    [InlineData("Ledger", "global::Gateway.Ledger.Sqlite.SqliteLedgerStore? store;", "Ledger.Sqlite.SqliteLedgerStore")]
    [InlineData("Ledger", "Sqlite.SqliteLedgerStore? store;", "Ledger.Sqlite.SqliteLedgerStore")]
    [InlineData("Ledger", "settings.Limits.MemoryBudgetStore = 1; Primitives.PicoDollars charge;", null)]
    [InlineData("Ledger", "// Limits.MemoryBudgetStore\nvar text = \"Limits.MemoryBudgetStore\"; /* Limits.MemoryBudgetStore */", null)]
    [InlineData("Ledger.Sqlite", "ILedgerStore store;", null)]
    [InlineData("Configuration.Model", "SettingsStore store;", "Configuration.SettingsStore")]
    [InlineData("Configuration.Model", "Action<SettingsSnapshot> changed;", "Configuration.SettingsSnapshot")]
    [InlineData("Configuration.Model", "Schema.SettingsSchema schema;", "Configuration.Schema.SettingsSchema")]
    [InlineData("Configuration.Reading", "Schema.SettingsSchema schema;", null)]
    public void EdgeBack_IsFound(string folder, string code, string? used) =>
        Assert.Equal(used is null ? [] : [used], BackEdges(folder, code));

    [Fact]
    public void RootNamespace_IsUsedByNoFolder()
    {
        // A folder's namespace lies inside the root's, so no using line would show such a use: only the composition root may live there.
        Assert.Equal(
            ["GatewayPipeline.cs", "GatewayProgram.cs", "Program.cs"],
            Directory.EnumerateFiles(Program, "*.cs").Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal));
    }

    [Theory]
    [MemberData(nameof(EveryFolder))]
    public void Namespace_IsTheFolder(string folder) => Assert.All(
        Directory.EnumerateFiles(FolderPath(folder), "*.cs"),
        file => Assert.Contains($"\nnamespace Gateway.{folder};\n", "\n" + File.ReadAllText(file), StringComparison.Ordinal));

    private static string FolderPath(string folder) => Path.Combine(Program, folder.Replace('.', Path.DirectorySeparatorChar));

    /// <summary>The names in the code of a folder that lead to a folder above it.</summary>
    private static IEnumerable<string> BackEdges(string folder, string text)
    {
        var layer = Array.IndexOf(Folders, folder);
        var code = WithoutComments(text);
        var used = OwnUsing().Matches(code).Select(line => line.Groups["folder"].Value).Where(name => LayerOf(name) > layer);
        var parents = Folders.Where(other => folder.StartsWith(other + ".", StringComparison.Ordinal)).ToList();
        var named = QualifiedName().Matches(UsingLine().Replace(code, "")).SelectMany(match => Meanings(match.Value, parents))
            .Where(name => DeclaringFolder(name) is { } declaring && Array.IndexOf(Folders, declaring) > layer)
            .Select(name => string.Join('.', name.Split('.').Take(DeclaringFolder(name)!.Split('.').Length + 1)));
        return used.Concat(named).Distinct(StringComparer.Ordinal);

        // A name is resolved in the root namespace, in the folder's own and in the enclosing ones.
        IEnumerable<string> Meanings(string name, IEnumerable<string> enclosing)
        {
            var relative = name.StartsWith("Gateway.", StringComparison.Ordinal) ? name["Gateway.".Length..] : name;
            return enclosing.Append(folder).Select(parent => $"{parent}.{relative}").Prepend(relative);
        }
    }

    /// <summary>The folder that declares the type with which a name from the root namespace begins.</summary>
    private static string? DeclaringFolder(string name)
    {
        for (var dot = name.IndexOf('.', StringComparison.Ordinal); dot >= 0; dot = name.IndexOf('.', dot + 1))
        {
            if (Types.TryGetValue(name[..dot], out var types) && types.Contains(name[(dot + 1)..].Split('.')[0]))
            {
                return name[..dot];
            }
        }

        return null;
    }

    private static Dictionary<string, HashSet<string>> ReadTypes() => Folders.ToDictionary(
        folder => folder,
        folder => Directory.EnumerateFiles(FolderPath(folder), "*.cs")
            .SelectMany(file => Declaration().Matches(WithoutComments(File.ReadAllText(file))).Select(match => match.Groups["type"].Value))
            .ToHashSet(StringComparer.Ordinal),
        StringComparer.Ordinal);

    // Strings are emptied, too.
    private static string WithoutComments(string text) => Invisible().Replace(text, match => match.Value[0] == '"' ? "\"\"" : "");

    // A nested type may stand in a "using static" line: the longest folder counts. An unknown folder is above all.
    private static int LayerOf(string used) =>
        Folders.Where(folder => used == folder || used.StartsWith(folder + ".", StringComparison.Ordinal)).MaxBy(folder => folder.Length) is { } found
            ? Array.IndexOf(Folders, found)
            : int.MaxValue;

    [GeneratedRegex(@"^using (?:static )?Gateway\.(?<folder>[\w.]+);", RegexOptions.Multiline)]
    private static partial Regex OwnUsing();

    [GeneratedRegex(@"^using [^;(]*;", RegexOptions.Multiline)]
    private static partial Regex UsingLine();

    [GeneratedRegex(@"(?<![\w.])[A-Za-z_][\w.]*")]
    private static partial Regex QualifiedName();

    [GeneratedRegex(@"^(?:internal|public) [\w ]*?\b(?:class|struct|record|enum|interface|delegate [\w<>?]+)\s+(?!struct|class)(?<type>\w+)", RegexOptions.Multiline)]
    private static partial Regex Declaration();

    [GeneratedRegex("""
        //[^\n]*|/\*[\s\S]*?\*/|"(?:\\.|[^"\\\n])*"
        """)]
    private static partial Regex Invisible();
}
