// What the tests of the filters share: checks that say where they failed, meshes to play with, and
// error observers.
#ifndef MetapinnTesting_h
#define MetapinnTesting_h

#include "vtkAlgorithm.h"
#include "vtkCallbackCommand.h"
#include "vtkCommand.h"
#include "vtkDataSetTriangleFilter.h"
#include "vtkExecutive.h"
#include "vtkImageData.h"
#include "vtkNew.h"
#include "vtkSmartPointer.h"
#include "vtkUnstructuredGrid.h"

#include <iostream>
#include <string>
#include <vector>

#define CHECK(condition)                                                                           \
  do                                                                                               \
  {                                                                                                \
    if (!(condition))                                                                              \
    {                                                                                              \
      std::cerr << __FILE__ << ":" << __LINE__ << ": not so: " #condition << std::endl;            \
      return false;                                                                                \
    }                                                                                              \
  } while (false)

namespace MetapinnTesting
{
/** A block of tetrahedra, 10 mm between nodes. */
inline vtkSmartPointer<vtkUnstructuredGrid> Block(int nodes = 5)
{
  vtkNew<vtkImageData> image;
  image->SetDimensions(nodes, nodes, nodes);
  image->SetSpacing(10, 10, 10);
  vtkNew<vtkDataSetTriangleFilter> cut;
  cut->SetInputData(image);
  cut->Update();
  vtkSmartPointer<vtkUnstructuredGrid> block = cut->GetOutput();
  return block;
}

/** Hears the errors and warnings of an algorithm, which then do not go to the terminal. */
class Listener
{
public:
  explicit Listener(vtkAlgorithm* algorithm)
  {
    this->Command->SetClientData(this);
    this->Command->SetCallback(
      [](vtkObject*, unsigned long event, void* self, void* text)
      {
        auto* listener = static_cast<Listener*>(self);
        auto& heard = event == vtkCommand::ErrorEvent ? listener->Errors : listener->Warnings;
        heard.emplace_back(static_cast<const char*>(text));
      });
    for (vtkObject* object :
      { static_cast<vtkObject*>(algorithm), static_cast<vtkObject*>(algorithm->GetExecutive()) })
    {
      object->AddObserver(vtkCommand::ErrorEvent, this->Command);
      object->AddObserver(vtkCommand::WarningEvent, this->Command);
    }
  }

  /** The one error since the last call; "" where there was none, "several" where there were more.
   */
  std::string Error() { return One(this->Errors); }
  std::string Warning() { return One(this->Warnings); }

private:
  static std::string One(std::vector<std::string>& heard)
  {
    const std::string one = heard.empty() ? "" : heard.size() > 1 ? "several" : heard[0];
    heard.clear();
    return one;
  }

  vtkNew<vtkCallbackCommand> Command;
  std::vector<std::string> Errors, Warnings;
};

inline bool Has(const std::string& text, const std::string& part)
{
  if (text.find(part) != std::string::npos)
  {
    return true;
  }
  std::cerr << "\"" << text << "\" does not say \"" << part << "\"" << std::endl;
  return false;
}

/** Counts an algorithm's executions. */
class Counter
{
public:
  explicit Counter(vtkAlgorithm* algorithm)
  {
    this->Command->SetClientData(&this->Executions);
    this->Command->SetCallback(
      [](vtkObject*, unsigned long, void* count, void*) { ++*static_cast<int*>(count); });
    algorithm->AddObserver(vtkCommand::StartEvent, this->Command);
  }
  int Executions = 0;

private:
  vtkNew<vtkCallbackCommand> Command;
};

/** Aborts an algorithm at its first progress, until it is told to let go. */
class Aborter
{
public:
  explicit Aborter(vtkAlgorithm* algorithm)
    : Algorithm(algorithm)
  {
    this->Command->SetCallback([](vtkObject* caller, unsigned long, void*, void*)
      { static_cast<vtkAlgorithm*>(caller)->SetAbortExecute(1); });
    this->Tag = algorithm->AddObserver(vtkCommand::ProgressEvent, this->Command);
  }
  void LetGo() { this->Algorithm->RemoveObserver(this->Tag); }

private:
  vtkAlgorithm* Algorithm;
  vtkNew<vtkCallbackCommand> Command;
  unsigned long Tag = 0;
};
}

#endif
