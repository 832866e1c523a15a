/*=========================================================================

  Program:   Metapinn
  Module:    pqMetapinnAbort.cxx

  Copyright (c) 2026, the Metapinn authors
  All rights reserved.
  SPDX-License-Identifier: BSD-3-Clause
  See LICENSE for details.

     This software is distributed WITHOUT ANY WARRANTY; without even
     the implied warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR
     PURPOSE.  See the above copyright notice for more information.

=========================================================================*/
#include "pqMetapinnAbort.h"

#include "pqApplicationCore.h"
#include "pqCoreUtilities.h"
#include "pqPipelineSource.h"
#include "pqProgressManager.h"
#include "pqServerManagerModel.h"
#include "vtkAlgorithm.h"
#include "vtkCommand.h"
#include "vtkEventQtSlotConnect.h"
#include "vtkSMProxy.h"

#include <QCoreApplication>
#include <QEvent>
#include <QWidget>

#include <algorithm>
#include <cstring>
#include <iterator>

namespace
{
const char* const ClassNames[] = { "vtkCompareMethods", "vtkEikonalActivation",
  "vtkMetaPinnPersonalize", "vtkMetapinnWhatIf", "vtkPhantomHeartSource" };

/** How often a running algorithm lets events through, in ms. */
const qint64 EventInterval = 100;

/** The algorithm behind a pipeline object where it is Metapinn's and in this process, else null. */
vtkAlgorithm* MetapinnAlgorithm(pqPipelineSource* source)
{
  vtkObjectBase* object = source->getProxy()->GetClientSideObject();
  const bool own = object &&
    std::any_of(std::begin(ClassNames), std::end(ClassNames),
      [object](const char* name) { return strcmp(name, object->GetClassName()) == 0; });
  return own ? vtkAlgorithm::SafeDownCast(object) : nullptr;
}

/**
 * Holds back what could call into the pipeline that is busy: timers (a render that one starts would
 * update the pipeline anew; a timer whose event is eaten fires again later), and the user's input
 * other than the mouse buttons and keys, which the progress manager holds back itself.
 */
class HoldBack : public QObject
{
public:
  HoldBack() { QCoreApplication::instance()->installEventFilter(this); }
  ~HoldBack() override { QCoreApplication::instance()->removeEventFilter(this); }

  bool eventFilter(QObject*, QEvent* event) override
  {
    switch (event->type())
    {
      case QEvent::Close: // the window stays open
        event->ignore();
        return true;
      case QEvent::Timer:
      case QEvent::ContextMenu:
      case QEvent::Drop:
      case QEvent::Shortcut:
      case QEvent::Wheel:
        return true;
      default:
        return false;
    }
  }
};
}

//-----------------------------------------------------------------------------
pqMetapinnAbort::pqMetapinnAbort(QObject* parentObject)
  : Superclass(parentObject)
{
}

//-----------------------------------------------------------------------------
pqMetapinnAbort::~pqMetapinnAbort() = default;

//-----------------------------------------------------------------------------
void pqMetapinnAbort::startup()
{
  pqProgressManager* manager = pqApplicationCore::instance()->getProgressManager();
  QObject::connect(
    manager, &pqProgressManager::enableProgress, this, &pqMetapinnAbort::onEnableProgress);
  QObject::connect(manager, &pqProgressManager::abort, this, &pqMetapinnAbort::onAbort);
}

//-----------------------------------------------------------------------------
void pqMetapinnAbort::shutdown()
{
  this->Connections->Disconnect();
  if (pqApplicationCore* core = pqApplicationCore::instance())
  {
    QObject::disconnect(core->getProgressManager(), nullptr, this, nullptr);
  }
}

//-----------------------------------------------------------------------------
void pqMetapinnAbort::onEnableProgress(bool enabled)
{
  this->Connections->Disconnect();
  if (!enabled)
  {
    this->onEnd();
    return;
  }
  const auto sources =
    pqApplicationCore::instance()->getServerManagerModel()->findItems<pqPipelineSource*>();
  for (pqPipelineSource* source : sources)
  {
    if (vtkAlgorithm* algorithm = MetapinnAlgorithm(source))
    {
      this->Connections->Connect(
        algorithm, vtkCommand::StartEvent, this, SLOT(onStart(vtkObject*)));
      this->Connections->Connect(algorithm, vtkCommand::ProgressEvent, this, SLOT(onProgress()));
      this->Connections->Connect(algorithm, vtkCommand::EndEvent, this, SLOT(onEnd()));
    }
  }
}

//-----------------------------------------------------------------------------
void pqMetapinnAbort::onStart(vtkObject* algorithm)
{
  this->Running = vtkAlgorithm::SafeDownCast(algorithm);
  this->SinceEvents.start();
  this->setAbortable(true);
}

//-----------------------------------------------------------------------------
void pqMetapinnAbort::onEnd()
{
  if (this->Running)
  {
    this->Running = nullptr;
    this->setAbortable(false);
  }
}

//-----------------------------------------------------------------------------
void pqMetapinnAbort::setAbortable(bool abortable)
{
  pqProgressManager* manager = pqApplicationCore::instance()->getProgressManager();
  // A click comes to the window before it comes to the button, and the manager would stop it there.
  if (this->Window)
  {
    manager->removeNonBlockableObject(this->Window);
    this->Window = nullptr;
  }
  QWidget* main = pqCoreUtilities::mainWidget();
  if (abortable && main && main->windowHandle())
  {
    this->Window = main->windowHandle();
    manager->addNonBlockableObject(this->Window);
  }
  manager->setEnableAbort(abortable);
}

//-----------------------------------------------------------------------------
void pqMetapinnAbort::onProgress()
{
  if (!this->Running || this->SinceEvents.elapsed() < EventInterval)
  {
    return;
  }
  HoldBack hold;
  QCoreApplication::processEvents();
  this->SinceEvents.restart();
}

//-----------------------------------------------------------------------------
void pqMetapinnAbort::onAbort()
{
  if (this->Running)
  {
    this->Running->SetAbortExecute(1);
  }
}
