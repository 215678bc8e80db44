package meter

import "math"

// Trend is how a resource changes from one session to the next: the slope of a
// straight line through all, with the bounds within which it lies at 95 %.
type Trend struct {
	// Cycles is how many amounts went into it.
	Cycles int `json:"cycles"`
	// Slope is per cycle, Low and High its confidence interval.
	Slope float64 `json:"slope"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	// Last is the line's end: what is in use now, without the noise.
	Last float64 `json:"last"`
}

// Rising reports that the resource really grows: not even the lower bound is 0.
func (t Trend) Rising() bool { return t.Cycles >= 3 && t.Low > 0 }

// Exhausts returns how many more cycles a limit bears. ok is false where the
// resource does not really grow.
func (t Trend) Exhausts(limit float64) (cycles int, ok bool) {
	if !t.Rising() || limit <= 0 {
		return 0, false
	}
	return max(0, int(math.Floor((limit-t.Last)/t.Slope))), true
}

// TrendOf fits a line through amounts in the order of the cycles, by least
// squares. Unknown ones are left out, but keep their place.
func TrendOf(values []Value) Trend { return TrendBeside(values, nil) }

// TrendBeside is TrendOf for amounts of which a part belongs to a load that
// comes and goes, one per amount: what sessions that still run have open. The
// load's share is fitted with the line, and is no growth.
func TrendBeside(values []Value, load []float64) Trend {
	p := pointsOf(values, load)
	n := float64(len(p.x))
	t := Trend{Cycles: len(p.x)}
	if n < 2 {
		if n == 1 {
			t.Last = p.y[0]
		}
		return t
	}
	mx, my := center(p.x), center(p.y)
	freedom := len(p.x) - 2
	if center(p.load); dot(p.load, p.load) > 0 {
		freedom--
		without(p.x, p.load)
		without(p.y, p.load)
	}
	sxx := dot(p.x, p.x)
	if sxx < 1e-9 {
		// The load grew with the cycles: nothing can be said. JSON has no infinity.
		t.Low, t.High = -math.MaxFloat64, math.MaxFloat64
		return t
	}
	t.Slope = dot(p.x, p.y) / sxx
	t.Last = my + t.Slope*(float64(len(values)-1)-mx)
	if freedom < 1 {
		// Two points always lie on a line, which says nothing about a third.
		t.Low, t.High = math.Min(0, t.Slope), math.Max(0, t.Slope)
		return t
	}
	var residual, following, before float64
	for i, x := range p.x {
		d := p.y[i] - t.Slope*x
		residual += d * d
		following += d * before
		before = d
	}
	half := studentT(freedom) * math.Sqrt(residual/float64(freedom)/sxx) * dependence(n, residual, following)
	t.Low, t.High = t.Slope-half, t.Slope+half
	return t
}

// points are the known amounts y in their cycles x, with the load beside them.
type points struct{ x, y, load []float64 }

func pointsOf(values []Value, load []float64) (p points) {
	for i, v := range values {
		if !v.Known {
			continue
		}
		p.x, p.y = append(p.x, float64(i)), append(p.y, float64(v.N))
		if i < len(load) {
			p.load = append(p.load, load[i])
		} else {
			p.load = append(p.load, 0)
		}
	}
	return p
}

// center subtracts the mean, which it returns.
func center(of []float64) (mean float64) {
	for _, v := range of {
		mean += v / float64(len(of))
	}
	for i := range of {
		of[i] -= mean
	}
	return mean
}

func dot(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// without takes out what the load explains.
func without(of, load []float64) {
	share := dot(of, load) / dot(load, load)
	for i := range of {
		of[i] -= share * load[i]
	}
}

// dependence widens the interval of amounts that follow each other, as those of
// memory do: where each is near the one before, many tell no more than a few
// independent ones would (an autoregression of the first order).
func dependence(n, residual, following float64) float64 {
	const few, most = 10, 0.9
	if n < few || residual == 0 || following <= 0 {
		return 1
	}
	r := min(following/residual, most)
	return math.Sqrt((1 + r) / (1 - r))
}

// studentT is the 97.5 % quantile of Student's t distribution.
func studentT(freedom int) float64 {
	table := []float64{
		12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
		2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
		2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
	}
	if freedom <= len(table) {
		return table[max(freedom, 1)-1]
	}
	// Cornish-Fisher, good to 0.001 from 30 degrees on.
	const z = 1.959964
	f := float64(freedom)
	return z + (z*z*z+z)/(4*f) + (5*math.Pow(z, 5)+16*z*z*z+3*z)/(96*f*f)
}
