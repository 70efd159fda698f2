using System.Globalization;
using System.Text.Json;
using Gateway.Configuration.Schema;
using Gateway.Configuration.Tree;
using Gateway.Primitives;
using OpenRouterGateway.Transforms.Json;

namespace Gateway.Configuration.Reading;

/// <summary>The merged sources, before validation.</summary>
/// <param name="Root">The sections.</param>
/// <param name="Mappings">Rules in short form: first those of the command line, then those of the variable.</param>
/// <param name="BaseUrl">The address that replaces the destinations of the cluster <c>openrouter</c>.</param>
/// <param name="BaseUrlSource">The flag or variable that <paramref name="BaseUrl"/> came from.</param>
/// <param name="Variable">
/// Reads a variable of the environment, or else of <c>.env</c>; <see langword="null"/> if it is unset or empty.
/// </param>
/// <param name="IsUnreadable">Whether a file is missing or not JSON, so that the tree is incomplete.</param>
/// <param name="IsUnfinished">Whether a file may be in the middle of a write.</param>
internal sealed record SettingsTree(
    SettingsObject Root,
    IReadOnlyList<MappingArgument> Mappings,
    string? BaseUrl,
    string? BaseUrlSource,
    Func<string, string?> Variable,
    bool IsUnreadable,
    bool IsUnfinished)
{
    private const string Separator = "__";

    /// <summary>Reads and merges the sources, above the defaults.</summary>
    public static SettingsTree Build(
        SettingsSources sources, SettingsFiles files, ICollection<SettingsFault> faults, ICollection<SettingsFault> warnings)
    {
        var tree = Build(sources, files, Defaults(), faults, warnings);
        return tree with { Root = WithoutNulls(tree.Root) };
    }

    /// <summary>The members that valid sources state, without the defaults.</summary>
    public static SettingsObject Stated(SettingsSources sources, SettingsFiles files) =>
        Build(sources, files, SettingsObject.Empty, new List<SettingsFault>(), new List<SettingsFault>()).Root;

    private static SettingsTree Build(
        SettingsSources sources,
        SettingsFiles files,
        SettingsObject root,
        ICollection<SettingsFault> faults,
        ICollection<SettingsFault> warnings)
    {
        var isUnreadable = false;
        var isDotEnvBad = false;

        if (!SettingFormats.IsEnvironmentName(sources.EnvironmentName))
        {
            faults.Add(new SettingsFault(
                "environment",
                $"\"{sources.EnvironmentName}\" is not a valid environment name; expected {SettingFormats.EnvironmentNameExpected}"));
        }

        if (files.Main.IsMissing)
        {
            isUnreadable = true;
            faults.Add(new SettingsFault(Name(files.Main, sources), sources.MissingMainFile));
        }

        root = Lay(root, files.Main, null);
        root = Lay(root, files.Overlay, Path.GetFileName(files.Overlay.Path));

        // An environment variable hides the variable of the same name in .env.
        var dotEnv = ReadDotEnv();
        root = LayVariables(root, dotEnv, name => $"{name} in .env", faults);
        root = LayVariables(root, sources.Variables, name => name, faults);
        Warn(dotEnv.Keys.Concat(sources.Variables.Keys).Distinct(StringComparer.OrdinalIgnoreCase));

        root = LayFlags(root, sources, faults);

        var mappings = new List<MappingArgument>();
        foreach (var text in sources.Arguments.ModelProviderMappings)
        {
            mappings.Add(new MappingArgument(text, $"cli-{mappings.Count + 1}", "--model-provider-mapping"));
        }

        if (Variable(EnvironmentVariables.ModelProviderMapping) is { } variable)
        {
            var texts = variable.Value.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            mappings.AddRange(texts.Select((text, i) => new MappingArgument(text, $"env-{i + 1}", variable.Source)));
        }

        var baseUrl = sources.Arguments.OpenRouterBaseUrl is { } flag
            ? (Value: flag, Source: "--openrouter-base-url")
            : Variable(EnvironmentVariables.OpenRouterBaseUrl);
        return new SettingsTree(
            root, mappings, baseUrl?.Value, baseUrl?.Source, name => Variable(name)?.Value, isUnreadable, isUnreadable || isDotEnvBad);

        SettingsObject Lay(SettingsObject below, FileContent file, string? source)
        {
            if (file.Fault is { } fault)
            {
                isUnreadable = true;
                faults.Add(new SettingsFault(Name(file, sources), fault));
            }

            if (file.Bytes is null)
            {
                return below;
            }

            var above = SettingsReader.Read(file.Bytes, Name(file, sources), source, faults, out var syntaxFault);
            if (above is null)
            {
                isUnreadable = true;
                faults.Add(syntaxFault!);
                return below;
            }

            return (SettingsObject)SettingsNode.Merge(below, above, SettingsSchema.Root);
        }

        IReadOnlyDictionary<string, string> ReadDotEnv()
        {
            if (files.DotEnv.Fault is { } fault)
            {
                isUnreadable = true;
                faults.Add(new SettingsFault(Name(files.DotEnv, sources), fault));
            }

            if (files.DotEnv.Bytes is not { } bytes)
            {
                return new Dictionary<string, string>();
            }

            var before = faults.Count;
            var variables = DotEnvFile.Read(bytes, Name(files.DotEnv, sources), faults);
            isDotEnvBad = faults.Count > before;
            return variables;
        }

        (string Value, string Source)? Variable(string name) =>
            Get(sources.Variables, name) is { } value ? (value, name) : Get(dotEnv, name) is { } other ? (other, $"{name} in .env") : null;

        void Warn(IEnumerable<string> names)
        {
            foreach (var name in names.Where(name => name.StartsWith(EnvironmentVariables.Prefix, StringComparison.OrdinalIgnoreCase)))
            {
                var value = Get(sources.Variables, name) ?? Get(dotEnv, name);
                if (value is null)
                {
                    continue;
                }

                if (EnvironmentVariables.IsServiceLink(name, value))
                {
                    if (name == EnvironmentVariables.Port)
                    {
                        warnings.Add(new SettingsFault(
                            name,
                            $"\"{value}\" is ignored: Kubernetes sets it for a Service named gateway; "
                                + "enableServiceLinks: false keeps it out of the pod"));
                    }
                }
                else if (name.Equals(EnvironmentVariables.Config, StringComparison.OrdinalIgnoreCase))
                {
                    if (Get(sources.Variables, name) is null)
                    {
                        warnings.Add(new SettingsFault(name, "is ignored in .env; set it in the environment, or give --config"));
                    }
                }
                else if (!EnvironmentVariables.Names.Contains(name, StringComparer.OrdinalIgnoreCase))
                {
                    var nearest = NearestName.Find(name, EnvironmentVariables.Names);
                    warnings.Add(
                        new SettingsFault(name, "unknown variable, ignored" + (nearest is null ? "" : $"; did you mean {nearest}?")));
                }
            }
        }
    }

    private static SettingsObject Defaults()
    {
        var members = SettingsObject.NewMembers();
        foreach (var section in SettingsSchema.Names)
        {
            members[section] = SettingsSchema.DefaultsOf(section);
        }

        return new SettingsObject(members, null);
    }

    /// <summary>A section that is <c>null</c> has its defaults.</summary>
    private static SettingsObject WithoutNulls(SettingsObject root)
    {
        var nulls = SettingsSchema.Names
            .Where(section => root.Members[section] is SettingsValue { Type: JsonValueKind.Null })
            .ToArray();
        if (nulls.Length == 0)
        {
            return root;
        }

        var members = root.ToMembers();
        foreach (var section in nulls)
        {
            members[section] = SettingsSchema.DefaultsOf(section);
        }

        return new SettingsObject(members, root.Source);
    }

    private static SettingsObject LayFlags(SettingsObject root, SettingsSources sources, ICollection<SettingsFault> faults)
    {
        var arguments = sources.Arguments;
        Lay("Server:Port", arguments.Port?.ToString(CultureInfo.InvariantCulture), "--port");
        Lay("Server:Address", arguments.Address, "--ip");
        Lay("Server:Https", arguments.Https is { } https ? (https ? "true" : "false") : null, "--https");
        Lay("Server:CertPath", arguments.CertPath, "--cert-path");
        Lay("Server:KeyPath", arguments.KeyPath, "--key-path");
        Lay("Logging:LogLevel:Gateway", arguments.Verbose ? nameof(LogLevel.Debug) : null, "--verbose");
        return root;

        void Lay(string path, string? text, string source)
        {
            if (text is not null)
            {
                root = Set(root, path.Split(':'), text, source, faults);
            }
        }
    }

    private static SettingsObject LayVariables(
        SettingsObject root, IReadOnlyDictionary<string, string> variables, Func<string, string> source, ICollection<SettingsFault> faults)
    {
        // Variables with a path (Section__Key) are applied before the short names. An empty variable counts as unset: compose files pass
        // empty variables.
        var paths = variables
            .Where(variable => !string.IsNullOrWhiteSpace(variable.Value) && variable.Key.Contains(Separator, StringComparison.Ordinal))
            .Select(variable => (Path: variable.Key.Replace(Separator, ":", StringComparison.Ordinal), variable.Key, variable.Value))
            .Where(variable => IsSection(variable.Path.Split(':')[0]))
            .OrderBy(variable => variable.Path, ConfigurationKeyComparer.Instance);
        foreach (var (path, name, value) in paths)
        {
            root = Set(root, path.Split(':'), value, source(name), faults);
        }

        foreach (var (name, path) in EnvironmentVariables.Settings)
        {
            if (Get(variables, name) is { } value && !EnvironmentVariables.IsServiceLink(name, value))
            {
                root = Set(root, path.Split(':'), value.Trim(), source(name), faults);
            }
        }

        return root;
    }

    private static bool IsSection(string name) => SettingsSchema.ShapeOf(name) is not null;

    private static SettingsObject Set(SettingsObject root, string[] path, string text, string source, ICollection<SettingsFault> faults)
    {
        var value = new SettingsValue(JsonValueKind.Undefined, text, source);
        var members = root.ToMembers();
        members.TryGetValue(path[0], out var section);
        members[path[0]] = Set(section, SettingsSchema.ShapeOf(path[0]), path, 1, value, faults);
        return new SettingsObject(members, root.Source);
    }

    /// <summary>
    /// Sets the value at a path below <paramref name="node"/>. A number in the path is an index if the shape has an array there.
    /// </summary>
    private static SettingsNode Set(
        SettingsNode? node, SettingShape? shape, string[] path, int depth, SettingsValue value, ICollection<SettingsFault> faults)
    {
        if (depth == path.Length)
        {
            var set = shape is not SettingShape.Scalar && value.Text.TrimStart() is ['{' or '[', ..]
                ? SettingsReader.ReadText(value.Text, string.Join(':', path), value.Source, faults) ?? value
                : value;

            // A short form is that of the object's member alone.
            return node is not null && set is SettingsArray && shape is SettingShape.Members { Shorthand: not null }
                ? SettingsNode.Merge(node, set, shape)
                : set;
        }

        var isIndex = int.TryParse(path[depth], NumberStyles.None, CultureInfo.InvariantCulture, out var index);
        if (shape is SettingShape.List || (shape is SettingShape.Raw && (node is SettingsArray || (node is null && isIndex))))
        {
            List<SettingsNode> items = node is SettingsArray array ? [.. array.Items] : node is SettingsValue one ? [one] : [];
            if (!isIndex || index > items.Count)
            {
                faults.Add(new SettingsFault(
                    string.Join(':', path.Take(depth + 1)),
                    $"is not an index of this array; expected 0 to {items.Count}{SettingsReader.From(value.Source)}"));
                return node ?? new SettingsArray([], value.Source);
            }

            var present = index < items.Count ? items[index] : null;
            var item = Set(present, shape is SettingShape.List list ? list.Item : shape, path, depth + 1, value, faults);
            if (index < items.Count)
            {
                items[index] = item;
            }
            else
            {
                items.Add(item);
            }

            return new SettingsArray(items, node?.Source ?? value.Source);
        }

        var members = node?.InFull(shape) is SettingsObject given ? given.ToMembers() : SettingsObject.NewMembers();
        members.TryGetValue(path[depth], out var member);
        members[path[depth]] = Set(member, shape?.Of(path[depth]), path, depth + 1, value, faults);
        return new SettingsObject(members, node?.Source ?? value.Source);
    }

    private static string? Get(IReadOnlyDictionary<string, string> variables, string name) =>
        variables.TryGetValue(name, out var value) && !string.IsNullOrWhiteSpace(value) ? value : null;

    /// <summary>The file's path for messages: relative to the working directory if the file is in it, or else absolute.</summary>
    private static string Name(FileContent file, SettingsSources sources)
    {
        var relative = Path.GetRelativePath(sources.WorkingDirectory, file.Path);
        return relative.StartsWith("..", StringComparison.Ordinal) ? file.Path : relative;
    }
}
