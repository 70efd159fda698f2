using System.Reflection;
using System.Text.Json.Nodes;
using Gateway.Configuration.Schema;
using Gateway.Configuration.Tree;
using Xunit;

namespace Gateway.Tests.Gateway.Configuration.Schema;

/// <summary>
/// Measures the ranges of the numbers: bisects the least and the greatest value that the loader accepts. Each load tries one value of every
/// number at once.
/// </summary>
internal sealed class SettingRanges
{
    /// <summary>Decimals are tried in these units, so that all numbers are whole.</summary>
    private const decimal Unit = 0.0001m;

    /// <summary>A number greater than the maximum of every decimal, in units.</summary>
    private const long MostUnits = 1_000_000_000_000_000;

    private readonly List<Number> _numbers = [];

    private SettingRanges()
    {
        foreach (var (section, type) in JsonSchemaGenerator.Types)
        {
            Collect(section, SettingsSchema.ShapeOf(section)!, type, null);
        }
    }

    /// <summary>Measures the ranges, by type and property.</summary>
    public static async Task<IReadOnlyDictionary<(Type Type, string Property), SettingRange>> MeasureAsync()
    {
        var measured = new SettingRanges();
        var least = await measured.BisectAsync(static number => number.Least);
        var most = await measured.BisectAsync(static number => number.Most);
        var ranges = new Dictionary<(Type, string), SettingRange>();
        for (var i = 0; i < measured._numbers.Count; i++)
        {
            var number = measured._numbers[i];
            var property = (number.Property.DeclaringType!, number.Property.Name);
            var range = number.RangeOf(least[i], most[i]);

            // A type that several settings have, such as the limits of a team and of a key, has one range.
            Assert.Equal(ranges.GetValueOrDefault(property, range), range);
            ranges[property] = range;
        }

        return ranges;
    }

    private void Collect(string path, SettingShape shape, Type type, PropertyInfo? property)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        switch (shape)
        {
            case SettingShape.Members members:
                foreach (var (name, member) in members.Known)
                {
                    Collect($"{path}:{name}", member.Shape, type.GetProperty(name)!.PropertyType, type.GetProperty(name));
                }

                break;
            case SettingShape.List list:
                Collect($"{path}:0", list.Item, type.GetGenericArguments()[0], property);
                break;
            case SettingShape.Scalar { Kind: ScalarKind.Int32 or ScalarKind.Int64 or ScalarKind.Decimal } scalar:
                _numbers.Add(new Number(path, property!, scalar.Kind));
                break;
        }
    }

    /// <summary>The accepted value of each number that is closest to the limit.</summary>
    private async Task<long[]> BisectAsync(Func<Number, long> limit)
    {
        using var folder = new SettingsFolder();
        folder.Variables["KEY"] = "sk-or-v1-key";
        var good = _numbers.Select(static number => number.Known).ToArray();
        var tried = _numbers.Select(limit).ToArray();

        // The first value that is known to be rejected; one beyond the limit at first.
        var bad = _numbers.Select((number, i) => (Int128)tried[i] + (tried[i] < good[i] ? -1 : 1)).ToArray();
        while (Enumerable.Range(0, good.Length).Any(i => Int128.Abs(bad[i] - good[i]) > 1))
        {
            var rejected = await RejectedAsync(folder, tried);
            for (var i = 0; i < good.Length; i++)
            {
                if (rejected(_numbers[i]))
                {
                    bad[i] = tried[i];
                }
                else
                {
                    good[i] = tried[i];
                }

                tried[i] = Int128.Abs(bad[i] - good[i]) > 1 ? (long)((bad[i] + good[i]) / 2) : good[i];
            }
        }

        return good;
    }

    private async Task<Predicate<Number>> RejectedAsync(SettingsFolder folder, long[] values)
    {
        var settings = JsonNode.Parse(SettingsFolder.Json(
            $$"""
            "Teams": [ { "Id": "t", "OpenRouterKey": "env:KEY", "Keys": [ { "Sha256": "{{new string('1', 64)}}" } ] } ]
            """))!;
        for (var i = 0; i < values.Length; i++)
        {
            _numbers[i].Set(settings, values[i]);
        }

        folder.Write("appsettings.json", settings.ToJsonString());
        var faults = (await folder.Loader.LoadAsync(folder.Sources())).Faults.Select(static fault => fault.Path).ToHashSet();
        return number => faults.Contains(number.Path);
    }

    /// <param name="Path">The path of a setting.</param>
    /// <param name="Property">Its property.</param>
    /// <param name="Kind">Its type.</param>
    private sealed record Number(string Path, PropertyInfo Property, ScalarKind Kind)
    {
        public long Least => Kind == ScalarKind.Decimal ? -MostUnits : Kind == ScalarKind.Int32 ? int.MinValue : long.MinValue;

        public long Most => Kind == ScalarKind.Decimal ? MostUnits : Kind == ScalarKind.Int32 ? int.MaxValue : long.MaxValue;

        /// <summary>A value that is accepted.</summary>
        public long Known
        {
            get
            {
                if (Kind == ScalarKind.Decimal)
                {
                    return (long)(1 / Unit);
                }

                var value = Property.GetValue(Activator.CreateInstance(Property.DeclaringType!));
                return value is null ? 1 : Convert.ToInt64(value, System.Globalization.CultureInfo.InvariantCulture);
            }
        }

        public SettingRange RangeOf(long least, long most) => Kind == ScalarKind.Decimal
            ? new SettingRange(least == 1 ? 0 : least / (1 / Unit), most == Most ? null : most / (1 / Unit), IsAboveLeast: least == 1)
            : new SettingRange(least == Least ? null : least, most == Most ? null : most);

        public void Set(JsonNode settings, long value)
        {
            JsonNode number = Kind == ScalarKind.Decimal ? value * Unit : value;
            var names = Path.Split(':');
            for (var i = 0; i < names.Length; i++)
            {
                var isLast = i == names.Length - 1;
                JsonNode Next() => isLast ? number : names[i + 1] == "0" ? new JsonArray() : new JsonObject();
                if (settings is JsonArray array)
                {
                    if (array.Count == 0)
                    {
                        array.Add(Next());
                    }

                    settings = array[0]!;
                }
                else
                {
                    settings = settings[names[i]] ??= Next();
                }
            }
        }
    }
}
