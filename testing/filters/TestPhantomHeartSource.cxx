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
  double difference = 0;
  for (vtkIdType i = 0; i < one->GetOutput()->GetNumberOfPoints(); ++i)
  {
    CHECK(one->GetOutput()->GetPoint(i)[0] == two->GetOutput()->GetPoint(i)[0]);
    CHECK(one->GetOutput()->GetPointData()->GetArray("AT_00")->GetTuple1(i) ==
      two->GetOutput()->GetPointData()->GetArray("AT_00")->GetTuple1(i));
  }
  double a[6], b[6];
  one->GetOutput()->GetBounds(a);
  other->GetOutput()->GetBounds(b);
  for (int i = 0; i < 6; ++i)
  {
    difference += std::abs(a[i] - b[i]);
  }
  CHECK(difference > 1);
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
      TheSameSeedGivesTheSameHeart() && ScarsAndNoMaps() && AnAbortEndsOneRunOnly()
    ? EXIT_SUCCESS
    : EXIT_FAILURE;
}
