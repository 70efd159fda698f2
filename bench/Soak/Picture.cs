using System.Globalization;
using System.Text;

namespace Soak;

/// <summary>Draws the curves: four charts, one below the other, on a light background that is also visible on a dark page.</summary>
internal sealed class Picture
{
    private const int Width = 840;
    private const int Left = 64;
    private const int Right = 20;
    private const int Top = 70;
    private const int ChartHeight = 104;
    private const int Gap = 40;
    private const int Bottom = 42;
    private const int PlotWidth = Width - Left - Right;
    private const int Steps = 4;
    private const string Ink = "#1f2328";
    private const string Faint = "#656d76";

    private readonly IReadOnlyList<Sample> _samples;
    private readonly double _load;
    private readonly double _end;
    private readonly StringBuilder _svg = new();

    private Picture(IReadOnlyList<Sample> samples, TimeSpan load)
    {
        _samples = samples;
        _load = load.TotalMinutes;
        _end = Math.Max(_load, samples[^1].At.TotalMinutes);
    }

    /// <param name="samples">The samples.</param>
    /// <param name="load">The duration of the load.</param>
    /// <param name="memory">The trend of the memory in the second half of the load.</param>
    /// <param name="subtitle">A one-line description.</param>
    public static string Draw(IReadOnlyList<Sample> samples, TimeSpan load, Trend memory, string subtitle)
    {
        return new Picture(samples, load).Draw(memory, subtitle);
    }

    private string Draw(Trend memory, string subtitle)
    {
        const int Charts = 4;
        var height = Top + (Charts * ChartHeight) + ((Charts - 1) * Gap) + Bottom;
        Add($"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {height}" width="{Width}" height="{height}" """
            + $"""font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="11" fill="{Ink}" """
            + """role="img" aria-label="Resident memory, sockets, threads and processor time of the gateway over a soak">""");
        Add($"""<rect x="0.5" y="0.5" width="{Width - 1}" height="{height - 1}" rx="6" fill="#ffffff" stroke="#d0d7de"/>""");
        Add($"""<text x="{Left}" y="24" font-size="15" font-weight="600">The gateway over a soak</text>""");
        Add($"""<text x="{Left}" y="41" fill="{Faint}">{subtitle}</text>""");

        var half = _load / 2;
        Chart(0, "resident memory, MB", [("#0969da", "", sample => sample.Megabytes)], (half, memory));
        Chart(1, "open", [("#1a7f37", "sockets", sample => sample.Sockets), ("#9a6700", "files", sample => sample.Files)]);
        Chart(2, "threads", [("#8250df", "", sample => sample.Threads)]);
        Chart(3, "processor time, % of one", [("#bc4c00", "", sample => sample.CpuPercent)]);
        var bottom = TopOf(Charts - 1) + ChartHeight;
        foreach (var minute in MinuteMarks())
        {
            Add($"""<text x="{N(X(minute))}" y="{bottom + 15}" text-anchor="middle" fill="{Faint}">{N(minute)}</text>""");
        }

        Add($"""<text x="{Left + (PlotWidth / 2)}" y="{bottom + 32}" text-anchor="middle" fill="{Faint}">minutes; shaded: load</text>""");
        Add("</svg>");
        return _svg.ToString();
    }

    private void Chart(
        int number, string title, (string Color, string Name, Func<Sample, double> Of)[] curves, (double From, Trend Line)? trend = null)
    {
        var top = TopOf(number);
        var bottom = top + ChartHeight;
        var step = NiceStep(curves.Max(curve => _samples.Max(curve.Of)) / Steps);
        var most = step * Steps;
        Add($"""<rect x="{Left}" y="{top}" width="{N(X(_load) - Left)}" height="{ChartHeight}" fill="#f1f5f9"/>""");
        for (var i = 0; i <= Steps; i++)
        {
            var y = N(Y(step * i));
            Add($"""<line x1="{Left}" x2="{Left + PlotWidth}" y1="{y}" y2="{y}" stroke="#d0d7de"/>""");
            Add($"""<text x="{Left - 6}" y="{y}" dy="4" text-anchor="end" fill="{Faint}">{N(step * i)}</text>""");
        }

        foreach (var minute in MinuteMarks())
        {
            Add($"""<line x1="{N(X(minute))}" x2="{N(X(minute))}" y1="{bottom}" y2="{bottom + 4}" stroke="{Faint}"/>""");
        }

        Add($"""<text x="{Left}" y="{top - 7}" font-weight="600">{title}</text>""");
        var legend = Left + 40;
        foreach (var (color, name, of) in curves)
        {
            var points = string.Join(' ', _samples.Select(sample => $"{N(X(sample.At.TotalMinutes))},{N(Y(of(sample)))}"));
            Add($"""<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.4" stroke-linejoin="round"/>""");
            if (name.Length > 0)
            {
                Add($"""<text x="{legend}" y="{top - 7}" fill="{color}" font-weight="600">{name}</text>""");
                legend += 60;
            }
        }

        if (trend is var (from, line))
        {
            Add($"""<line x1="{N(X(from))}" y1="{N(Y(line.At(from)))}" x2="{N(X(_load))}" y2="{N(Y(line.At(_load)))}" """
                + $"""stroke="#cf222e" stroke-width="1.6" stroke-dasharray="5 4"/>""");
            Add($"""<text x="{N(X(_load) - 6)}" y="{bottom - 8}" text-anchor="end" fill="#cf222e">second half: """
                + $"{line.PerMinute.ToString("+0.00;-0.00;0.00", CultureInfo.InvariantCulture)} MB a minute</text>");
        }

        double Y(double value) => bottom - (value / most * ChartHeight);
    }

    private IEnumerable<double> MinuteMarks()
    {
        var step = NiceStep(_end / 12);
        for (var i = 0; i * step <= _end; i++)
        {
            yield return i * step;
        }
    }

    private double X(double minutes) => Left + (minutes / _end * PlotWidth);

    private static int TopOf(int chart) => Top + (chart * (ChartHeight + Gap));

    // The next step of the sequence 1, 2, 2.5, 5, 10, 20, 25 and so on.
    private static double NiceStep(double least)
    {
        var scale = Math.Pow(10, Math.Floor(Math.Log10(Math.Max(least, 0.001))));
        return scale * ((double[])[1, 2, 2.5, 5, 10]).First(factor => factor * scale >= least * 0.999_999);
    }

    private static string N(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);

    private void Add(string line) => _svg.Append(line).Append('\n');
}
