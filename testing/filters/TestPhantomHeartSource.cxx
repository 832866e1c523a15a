// vtkPhantomHeartSource: what it promises to give, on both of its outputs.
#include "MetapinnTesting.h"

#include "vtkPhantomHeartSource.h"

#include "vtkCellData.h"
#include "vtkDataArray.h"
#include "vtkFieldData.h"
#include "vtkPointData.h"
#include "vtkPolyData.h"

#include <cmath>
#include <cstdlib>

using namespace MetapinnTesting;

namespace
{
bool HeartAndMapsAreThere()
{
  vtkNew<vtkPhantomHeartSource> source;
  source->SetNumberOfNodes(1700);
  source->SetNumberOfMaps(3);
  source->SetRefinements(0);
  source->Update();
  vtkUnstructuredGrid* heart = source->GetOutput();
  CHECK(std::abs(heart->GetNumberOfPoints() - 1700) < 0.05 * 1700);
  for (const char* name :
    { "surface_class", "segment", "transmural", "measured", "CV", "AT_00", "AT_02" })
  {
    CHECK(heart->GetPointData()->GetArray(name));
  }
  CHECK(!heart->GetPointData()->GetArray("AT_03"));
  CHECK(heart->GetCellData()->GetArray("CV"));
  vtkDataArray* origins = heart->GetFieldData()->GetArray("origins");
  CHECK(origins && origins->GetNumberOfTuples() == 3 && origins->GetNumberOfComponents() == 4);
  double range[2];
  heart->GetPointData()->GetArray("CV")->GetRange(range);
  CHECK(std::abs(range[0] - 0.1) < 1e-6 && std::abs(range[1] - 0.6) < 1e-6);
  return true;
}

bool TheMeasuredSurfaceHasWhatWasMeasuredAndNoMore()
{
  vtkNew<vtkPhantomHeartSource> source;
  source->SetNumberOfMaps(1);
  source->SetRefinements(0);
  source->SetNumberOfMeasuredNodes(250);
  source->Update();
  vtkPolyData* surface = source->GetMeasuredOutput();
  CHECK(surface->GetNumberOfPolys() > 250);
  CHECK(!surface->GetPointData()->GetArray("CV"));
  vtkDataArray* map = surface->GetPointData()->GetArray("AT_00");
  vtkDataArray* truth = source->GetOutput()->GetPointData()->GetArray("AT_00");
  int known = 0;
  for (vtkIdType i = 0; i < map->GetNumberOfTuples(); ++i)
  {
    const double value = map->GetTuple1(i);
    if (!std::isnan(value))
    {
      ++known;
      CHECK(value == truth->GetTuple1(source->GetOutput()->FindPoint(surface->GetPoint(i))));
    }
  }
  CHECK(known > 200 && known <= 250);
  for (vtkIdType i = 0; i < truth->GetNumberOfTuples(); ++i)
  {
    CHECK(!std::isnan(truth->GetTuple1(i)));
  }
  return true;
}

/** How far the boxes of two hearts differ: the sum over their six faces, mm. */
double BoxDifference(vtkPhantomHeartSource* one, vtkPhantomHeartSource* other)
{
  double a[6], b[6], difference = 0;
  one->GetOutput()->GetBounds(a);
  other->GetOutput()->GetBounds(b);
  for (int i = 0; i < 6; ++i)
  {
    difference += std::abs(a[i] - b[i]);
  }
  return difference;
}

bool TheSameSeedGivesTheSameHeart()
{
  vtkNew<vtkPhantomHeartSource> one, two, other;
  for (vtkPhantomHeartSource* source : { one.Get(), two.Get(), other.Get() })
  {
    source->SetNumberOfMaps(1);
    source->SetRefinements(0);
  }
  two->SetNumberOfThreads(1);
  other->SetSeed(2);
  one->Update();
  two->Update();
  other->Update();
  CHECK(one->GetOutput()->GetNumberOfPoints() == two->GetOutput()->GetNumberOfPoints());
  for (vtkIdType i = 0; i < one->GetOutput()->GetNumberOfPoints(); ++i)
  {
    CHECK(one->GetOutput()->GetPoint(i)[0] == two->GetOutput()->GetPoint(i)[0]);
    CHECK(one->GetOutput()->GetPointData()->GetArray("AT_00")->GetTuple1(i) ==
      two->GetOutput()->GetPointData()->GetArray("AT_00")->GetTuple1(i));
  }
  CHECK(BoxDifference(one, other) > 1);
  return true;
}

bool ScarsAndNoMaps()
{
  for (int scar = vtkPhantomHeartSource::SCAR_NONE; scar <= vtkPhantomHeartSource::SCAR_PAPER_5;
       ++scar)
  {
    vtkNew<vtkPhantomHeartSource> source;
    source->SetNumberOfMaps(0);
    source->SetScar(scar);
    source->SetScarVelocity(0.2);
    source->Update();
    double range[2];
    source->GetOutput()->GetPointData()->GetArray("CV")->GetRange(range);
    CHECK(std::abs(range[0] - (scar == vtkPhantomHeartSource::SCAR_NONE ? 0.6 : 0.2)) < 1e-6);
  }
  return true;
}

/** How many points of the source's heart are of a surface class. */
vtkIdType OfClass(vtkPhantomHeartSource* source, int surfaceClass)
{
  vtkDataArray* classes = source->GetOutput()->GetPointData()->GetArray("surface_class");
  vtkIdType count = 0;
  for (vtkIdType i = 0; i < classes->GetNumberOfTuples(); ++i)
  {
    count += classes->GetTuple1(i) == surfaceClass;
  }
  return count;
}

bool OneVentricleIsAHeartToo()
{
  const int left = 3, right = 4; // surface classes of the endocardia
  vtkNew<vtkPhantomHeartSource> source;
  Listener heard(source);
  source->SetNumberOfNodes(500);
  source->SetRefinements(0);
  source->SetNumberOfMaps(1);
  source->Update();
  CHECK(OfClass(source, left) > 0 && OfClass(source, right) > 0);
  source->SetVentricles(vtkPhantomHeartSource::VENTRICLES_LEFT);
  source->Update();
  CHECK(OfClass(source, left) > 0 && OfClass(source, right) == 0);
  CHECK(std::abs(source->GetOutput()->GetNumberOfPoints() - 500) <= 25);
  CHECK(source->GetMeasuredOutput()->GetNumberOfPolys() > 0);
  source->SetVentricles(vtkPhantomHeartSource::VENTRICLES_RIGHT);
  source->Update();
  CHECK(OfClass(source, left) == 0 && OfClass(source, right) > 0);
  CHECK(source->GetMeasuredOutput()->GetNumberOfPolys() > 0);
  // There are fewer endocardial nodes than were asked for: all of them are measured.
  double measured[2];
  source->GetMeasuredOutput()->GetPointData()->GetArray("measured")->GetRange(measured);
  CHECK(heard.Error().empty() && measured[0] == 1);
  return true;
}

bool SizeAndVariationShapeIt()
{
  vtkNew<vtkPhantomHeartSource> human, rabbit, diseased;
  for (vtkPhantomHeartSource* source : { human.Get(), rabbit.Get(), diseased.Get() })
  {
    source->SetNumberOfNodes(400);
    source->SetNumberOfMaps(0);
  }
  rabbit->SetSize(0.15);
  diseased->SetVariation(2);
  human->Update();
  rabbit->Update();
  diseased->Update();
  const double length = human->GetOutput()->GetLength();
  CHECK(std::abs(rabbit->GetOutput()->GetLength() - 0.15 * length) < 1e-6 * length);
  CHECK(BoxDifference(diseased, human) > 1);
  // Out of range, the nearest that is in it.
  diseased->SetVariation(3);
  rabbit->SetSize(-1);
  human->SetNumberOfNodes(10);
  human->SetVentricles(7);
  CHECK(diseased->GetVariation() == 2 && rabbit->GetSize() == 0.001);
  CHECK(human->GetNumberOfNodes() == 400);
  CHECK(human->GetVentricles() == vtkPhantomHeartSource::VENTRICLES_RIGHT);
  return true;
}

bool AnAbortEndsOneRunOnly()
{
  vtkNew<vtkPhantomHeartSource> source;
  Listener heard(source);
  Counter count(source);
  source->SetNumberOfMaps(1);
  source->SetRefinements(0);
  Aborter aborter(source);
  source->Update();
  CHECK(heard.Error().empty() && source->GetOutput()->GetNumberOfPoints() == 0);
  aborter.LetGo();
  source->SetSeed(3);
  source->Update();
  source->GetMeasuredOutput();
  source->Update();
  CHECK(source->GetOutput()->GetNumberOfPoints() > 0 && count.Executions == 2);
  return true;
}
}

int TestPhantomHeartSource(int, char*[])
{
  return HeartAndMapsAreThere() && TheMeasuredSurfaceHasWhatWasMeasuredAndNoMore() &&
      TheSameSeedGivesTheSameHeart() && ScarsAndNoMaps() && OneVentricleIsAHeartToo() &&
      SizeAndVariationShapeIt() && AnAbortEndsOneRunOnly()
    ? EXIT_SUCCESS
    : EXIT_FAILURE;
}
